/** Requests to the server. What can go wrong is told apart, since each asks for something else of people. */

/** The server does not know this browser: its token has expired, or it was started anew. */
export class Refused extends Error {}
/** No answer. */
export class Offline extends Error {}
/** Full for now: `seconds` until it is worth another try. */
export class Busy extends Error {
  constructor(words, seconds) { super(words); this.seconds = seconds; }
}
/** The server has no such job, or no longer. */
export class Gone extends Error {}

const CHECK_MS = 2000;
const MOST_WAIT_S = 60;

const failureOf = (status, wait, body) => {
  let words = `the server answers ${status}`;
  try {
    const answer = JSON.parse(body);
    words = answer.error?.message ?? answer.rows?.[0]?.error ?? words;
  } catch { /* not ours: the status says what there is to say */ }
  if (status === 401) return new Refused(words);
  if (status === 404 || status === 410) return new Gone(words);
  if (status === 429 || status === 503) return new Busy(words, Math.min(MOST_WAIT_S, Math.max(1, Number(wait) || 5)));
  return new Error(words);
};

/** Whether the server can be reached and knows this browser. While it does not, it is asked again and again. */
class Link extends EventTarget {
  state = "ok"; // or "offline", "refused"
  #timer = 0;

  constructor() {
    super();
    for (const event of ["online", "focus"]) addEventListener(event, () => { if (this.state !== "ok") this.#check(); });
    addEventListener("offline", () => this.#be("offline"));
  }

  /** Takes note of what a request has met; true where it lies with the connection, so that it is worth another try. */
  note(error) {
    const state = error instanceof Offline ? "offline" : error instanceof Refused ? "refused" : "";
    if (state) this.#be(state);
    return Boolean(state);
  }

  #be(state) {
    const before = this.state;
    this.state = state;
    clearTimeout(this.#timer);
    if (state !== "ok") this.#timer = setTimeout(() => this.#check(), CHECK_MS);
    if (before !== state) this.dispatchEvent(new Event("change"));
  }

  async #check() {
    try {
      await ask("v1/jobs"); // which no worker is needed for
      this.#be("ok");
    } catch (error) {
      if (!this.note(error)) this.#be("ok"); // it answers, if only that it is busy
    }
  }
}

export const link = new Link();

/** Asks for something; raises one of the errors above, or one with the server's words. */
export const ask = async (address, settings = {}) => {
  let response;
  try {
    response = await fetch(address, { cache: "no-store", ...settings });
  } catch {
    throw new Offline("no answer");
  }
  if (response.ok) return response;
  throw failureOf(response.status, response.headers.get("Retry-After"), await response.text());
};

/** Sends a file with its options; `sent` hears the share that has gone. Returns [promise of the answer, cancel]. */
export const send = (address, fields, file, name, sent) => {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  form.append("file", file, name);
  const request = new XMLHttpRequest(); // fetch does not tell how much has gone
  const answer = new Promise((done, failed) => {
    request.upload.addEventListener("progress", (event) => sent(event.total ? event.loaded / event.total : 0));
    request.addEventListener("load", () => {
      if (request.status < 300) done(JSON.parse(request.responseText));
      else failed(failureOf(request.status, request.getResponseHeader("Retry-After"), request.responseText));
    });
    request.addEventListener("error", async () => {
      const isThere = await file.slice(0, 1).arrayBuffer().then(() => true, () => false);
      failed(isThere ? new Offline("no answer") : new Error("the file cannot be read any more: it has changed, moved or gone"));
    });
    request.addEventListener("abort", () => failed(new DOMException("cancelled", "AbortError")));
  });
  request.open("POST", address);
  request.send(form);
  return [answer, () => request.abort()];
};
