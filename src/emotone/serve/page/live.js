/** Emotion while one speaks: the microphone's sound goes to the server as it comes, and what it says of it is drawn. */
import { ask, link } from "./api.js";
import { Chart } from "./chart.js";
import { Microphone, peak, Recording } from "./microphone.js";
import { at, clock, make, tell } from "./page.js";

const MOST_BEHIND_S = 5;
const PARTING_MS = 15000;

export class Live {
  #socket = null;
  #microphone = null;
  #chart = null;

  /** colours: {emotion: colour}. */
  constructor(colours) {
    this.colours = colours;
    this.recording = null;
    at("stop-live").addEventListener("click", () => this.stop());
  }

  get isOn() { return Boolean(this.#microphone || this.#socket); }

  /** model: as v1/models has it. Raises where there is no microphone. */
  async start(model) {
    this.#chart?.close();
    this.model = model;
    this.recording = new Recording();
    this.problem = "";
    this.scoredS = 0;
    this.waiting = [];
    this.#chart = new Chart(at("chart"), model.attributes, this.colours);
    this.#empty();
    try {
      this.#microphone = await Microphone.open((samples) => this.#heard(samples), () => {
        this.problem = "The microphone has gone. What it heard until then is kept.";
        this.stop();
      });
    } catch (error) {
      this.recording = null;
      throw error;
    }
    this.#connect();
    this.#tell("Speak.");
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.timer = setInterval(() => this.#draw(), isCalm ? 1000 : 100);
  }

  /** Ends the recording, and waits for the rows of what was said last. */
  async stop() {
    const microphone = this.#microphone;
    if (!microphone) return;
    this.#microphone = null;
    await microphone.close();
    clearInterval(this.timer);
    this.#draw();
    at("stop-live").hidden = true;
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN) {
      this.#tell("The rest is being scored…");
      socket.send(new ArrayBuffer(0));
      await new Promise((done) => { socket.addEventListener("close", done); setTimeout(done, PARTING_MS); });
    }
    socket?.close();
    this.#socket = null;
    this.#chart.draw();
    at("send-live").hidden = !this.recording.numSamples;
    at("close-live").hidden = false;
    this.#tell(this.problem || "Stopped.");
    (at("send-live").hidden ? at("close-live") : at("send-live")).focus();
  }

  /** What was recorded, as a file; the view keeps it no longer. */
  take() {
    const { recording } = this;
    this.recording = null;
    return recording.file();
  }

  #connect() {
    const address = new URL(`v1/stream?${new URLSearchParams({ model: this.model.name })}`, document.baseURI);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.addEventListener("open", () => { for (const samples of this.waiting.splice(0)) socket.send(samples); });
    socket.addEventListener("message", ({ data }) => this.#told(JSON.parse(data)));
    socket.addEventListener("close", ({ reason }) => { if (this.#microphone) this.#broken(reason); });
  }

  /** Why a connection has ended a browser does not tell, but another request may. */
  async #broken(reason) {
    let why = this.problem || reason || "The server has ended the connection.";
    try {
      await ask("v1/jobs");
    } catch (error) {
      why = link.note(error) ? "The connection to the server is lost." : error.message;
    }
    this.problem = `${why} Your recording up to here is kept: send it when the server is there again.`;
    this.stop();
  }

  #heard(samples) {
    this.recording.add(samples);
    this.#chart.addLevel(this.recording.seconds, peak(samples));
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(samples);
    else if (!this.#socket || this.#socket.readyState === WebSocket.CONNECTING) this.waiting.push(samples);
  }

  #told(message) {
    if (message.type === "session.created") this.#head();
    if (message.type === "utterance.start") this.#chart.begin(message.start_s);
    if (message.type === "result") {
      this.scoredS = message.time_s;
      this.#chart.addScores(message.time_s, message.row);
      this.#show(message.row);
    }
    if (message.type === "utterance.end") {
      this.#chart.end(message.row);
      if (message.row) this.#addRow(message.row);
    }
    if (message.type === "error") this.problem = message.message;
  }

  #draw() {
    const seconds = this.recording.seconds, behind = seconds - this.scoredS;
    at("live-time").textContent = clock(seconds);
    if (this.#microphone) {
      this.#tell(behind > MOST_BEHIND_S ? `The server is ${Math.floor(behind)} s behind what you say.` : "Speak.");
    }
    this.#chart.draw();
  }

  #tell(words) { tell(at("live-state"), words); }

  #empty() {
    for (const id of ["utterances", "heads", "probabilities", "scores", "legend"]) at(id).replaceChildren();
    at("stop-live").hidden = false;
    at("send-live").hidden = at("close-live").hidden = true;
    at("live-time").textContent = "0:00";
    const legend = Object.keys(this.model.attributes).map((name, place) => {
      const entry = make("span"), line = make("i");
      line.style.setProperty("--c", `var(--t${place % 6})`);
      entry.append(line, name);
      return entry;
    });
    at("legend").append(...legend);
    this.bars = {
      ...this.#bars("probabilities", Object.values(this.model.categories).flat(), (name) => this.colours[name]),
      ...this.#bars("scores", Object.keys(this.model.attributes), (_, place) => `var(--t${place % 6})`),
    };
    this.#show(null);
  }

  /** Lines with a bar each: {name: [bar, number]}. */
  #bars(id, names, colourOf) {
    return Object.fromEntries(names.map((name, place) => {
      const line = make("div"), bar = make("i"), number = make("em");
      bar.style.setProperty("--c", colourOf(name, place) ?? "");
      line.append(make("span", name), bar, number);
      at(id).append(line);
      return [name, [bar, number]];
    }));
  }

  #show(row) {
    at("emotion").textContent = row?.emotion || "–";
    at("emotion").style.setProperty("--c", this.colours[row?.emotion] ?? "var(--line)");
    for (const [name, [bar, number]] of Object.entries(this.bars)) {
      const value = row?.[name], [low, high] = this.#chart.scaleOf(name) ?? [0, 1];
      const isThere = typeof value === "number";
      bar.style.transform = `scaleX(${isThere ? Math.max(0, Math.min(1, (value - low) / (high - low))) : 0})`;
      number.textContent = isThere ? value.toFixed(2) : "";
    }
  }

  #head() {
    const names = ["start", "end", "emotion", ...Object.keys(this.model.attributes)];
    at("heads").replaceChildren(...names.map((name) => make("th", name, { scope: "col" })));
  }

  #addRow(row) {
    const line = make("tr");
    line.append(make("td", clock(row.start_s, 1)), make("td", clock(row.end_s, 1)));
    if (row.error) line.append(make("td", row.error, { className: "words", colSpan: 1 + Object.keys(this.model.attributes).length }));
    else {
      const numbers = Object.keys(this.model.attributes).map((name) => row[name]);
      const cells = numbers.map((value) => make("td", typeof value === "number" ? value.toFixed(2) : "–"));
      line.append(make("td", row.emotion || row.note || "–"), ...cells);
    }
    line.firstChild.style.setProperty("--c", this.colours[row.emotion] ?? "transparent");
    at("utterances").prepend(line);
  }
}
