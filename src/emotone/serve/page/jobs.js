/**
 * The recordings of this tab and what becomes of each: waiting, sending, queued, running, done, failed, cancelled,
 * unsent (the page was loaded anew before it had gone) or gone (the server no longer has it).
 *
 * Which they are is kept in sessionStorage, which is the tab's own; their sound only in memory.
 */
import { ask, Busy, Gone, link, Offline, send } from "./api.js";

const MOST_SENT = 2;
const POLL_MS = 400;
const BUSY_S = 5;
const KEPT = ["key", "kind", "name", "fields", "id", "state", "error", "hasPage"];

export const isActive = (job) => ["waiting", "sending", "queued", "running"].includes(job.state);

export class Jobs extends EventTarget {
  list = [];
  /** When the server, which was full, is worth another try; 0 where it was not. */
  notBefore = 0;
  #timer = 0;
  #isAsking = false;

  constructor() {
    super();
    this.list = JSON.parse(sessionStorage.getItem("jobs") || "[]");
    for (const job of this.list) {
      Object.assign(job, { file: null, sent: 0, progress: 0, place: null });
      if (isActive(job) && !job.id) job.state = "unsent";
    }
    link.addEventListener("change", () => { if (link.state === "ok") this.#go(); });
    addEventListener("beforeunload", (event) => {
      if (this.list.some((job) => job.file && (job.state === "waiting" || job.state === "sending"))) event.preventDefault();
    });
    this.#go();
  }

  /** kind: predictions or moments; fields: its options, as the API names them. */
  add(kind, name, fields, file) {
    const job = { key: crypto.getRandomValues(new Uint32Array(2)).join("-"), kind, name, fields, file };
    this.list.unshift(this.#begin(job));
    this.#change(job);
    this.#go();
    return job;
  }

  again(job, file = job.file) {
    this.#begin(job).file = file;
    this.#change(job);
    this.#go();
  }

  cancel(job) {
    job.stop?.();
    this.#forget(job);
    this.#change(job, { state: "cancelled" });
  }

  remove(job) {
    this.#forget(job);
    this.list = this.list.filter((other) => other !== job);
    this.#change(job);
  }

  /** Takes note that the server no longer has a job. */
  lose(job) { this.#change(job, { state: "gone", id: null }); }

  #begin(job) {
    return Object.assign(job, { id: null, state: "waiting", sent: 0, progress: 0, place: null, error: "", hasPage: false });
  }

  /** Cancels it on the server, which removes it by itself where this does not arrive. */
  #forget(job) {
    if (job.id) ask(`v1/jobs/${job.id}`, { method: "DELETE" }).catch((error) => link.note(error));
    job.id = null;
  }

  #change(job, changes = {}) {
    Object.assign(job, changes);
    const kept = this.list.map((one) => Object.fromEntries(KEPT.map((name) => [name, one[name]])));
    sessionStorage.setItem("jobs", JSON.stringify(kept));
    this.dispatchEvent(new CustomEvent("change", { detail: job }));
  }

  /** Sends what may be sent, asks how the rest does, and comes back while there is something to do. */
  #go() {
    clearTimeout(this.#timer);
    if (link.state === "ok") {
      for (const job of this.list.toReversed()) { // the oldest first
        if (this.list.filter((one) => one.state === "sending").length >= MOST_SENT) break;
        if (job.state === "waiting" && this.notBefore <= Date.now()) this.#send(job);
      }
      this.#ask();
    }
    if (this.list.some(isActive)) this.#timer = setTimeout(() => this.#go(), POLL_MS);
  }

  async #send(job) {
    this.notBefore = 0;
    this.#change(job, { state: "sending", sent: 0 });
    const [answer, stop] = send(`v1/${job.kind}`, { ...job.fields, wait: "0", page: "true" }, job.file, job.file.name, (share) => {
      if (job.state === "sending") this.#change(job, { sent: share });
    });
    job.stop = stop;
    try {
      const told = await answer;
      if (job.state === "sending") this.#take(job, told);
      else this.#forget(Object.assign(job, { id: told.id })); // cancelled as the answer was on its way
    } catch (error) {
      if (job.state !== "sending") return;
      const [isBusy, seconds] = await this.#isBusy(error);
      if (job.state !== "sending") return;
      if (isBusy) this.notBefore = Date.now() + 1000 * seconds;
      if (isBusy || link.note(error)) this.#change(job, { state: "waiting" });
      else this.#change(job, { state: "failed", error: error.message });
    } finally {
      job.stop = null;
      this.#go();
    }
  }

  /** Whether the server is full. It may say so before it has read all, of which a browser tells only that it has ended. */
  async #isBusy(error) {
    if (error instanceof Busy) return [true, error.seconds];
    if (!(error instanceof Offline)) return [false, 0];
    return ask("v1/jobs").then(() => [true, BUSY_S], () => [false, 0]);
  }

  /** One request for all jobs: a connection for each would use up the six that a browser has for a host. */
  async #ask() {
    const asked = this.list.filter((job) => job.id && (job.state === "queued" || job.state === "running"));
    if (!asked.length || this.#isAsking) return;
    this.#isAsking = true;
    try {
      const all = await (await ask("v1/jobs")).json();
      const byId = new Map(all.map((told) => [told.id, told]));
      for (const job of asked) {
        if (!job.id) continue; // cancelled meanwhile
        if (byId.has(job.id)) this.#take(job, byId.get(job.id));
        else this.lose(job);
      }
    } catch (error) {
      if (!link.note(error) && !(error instanceof Busy) && !(error instanceof Gone)) console.error(error);
    } finally {
      this.#isAsking = false;
    }
  }

  #take(job, told) {
    const { id, state, progress, place, error, has_page: hasPage } = told;
    this.#change(job, { id, state, progress, place, error, hasPage });
  }
}
