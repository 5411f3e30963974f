/** The list of this tab's recordings: how far each is, and what can be done with it. */
import { isActive } from "./jobs.js";
import { at, button, make, percent, say } from "./page.js";

const wordsOf = (job, notBefore) => {
  const seconds = Math.ceil((notBefore - Date.now()) / 1000);
  return {
    waiting: seconds > 0 ? `The server is full; this is sent in ${seconds} s.` : "waits to be sent",
    sending: job.sent < 1 ? `sending, ${percent(job.sent)}` : "sent",
    queued: job.place ? `place ${job.place} in the queue` : "in the queue",
    running: `scored: ${percent(job.progress)}`,
    done: job.notice || (job.hasPage ? "ready" : "ready; there is nothing to show"),
    failed: job.error || "this could not be scored",
    cancelled: "cancelled",
    unsent: "This page was loaded anew before the file was sent. Choose it again to send it.",
    gone: "The server no longer has it: it was restarted, or the time for which it keeps results is over.",
  }[job.state];
};

/** What is worth saying aloud: not every percent. */
const spokenOf = (job, notBefore) => {
  if (job.state === "sending") return job.sent < 1 ? `sending ${job.name}` : `${job.name} is sent`;
  if (job.state === "running") return `${job.name}: ${25 * Math.floor(4 * job.progress)}% scored`;
  if (job.state === "waiting" && notBefore > Date.now()) return `${job.name}: the server is full; the page tries again`;
  return `${job.name}: ${wordsOf(job, 0)}`;
};

const shareOf = (job) => {
  if (job.state === "sending") return job.sent < 1 ? job.sent : null;
  return job.state === "running" ? job.progress : job.state === "queued" ? null : 0;
};

export class List {
  #entries = new Map(); // {job: its elements}, kept while it is listed, so that focus stays where it is

  /** actions: show, moments, cancel, again, remove (each with the job), and exports (job -> [[words, address]]), save (job, address). */
  constructor(jobs, actions) {
    this.jobs = jobs;
    this.actions = actions;
    this.shown = null;
    jobs.addEventListener("change", ({ detail }) => { this.draw(); this.#speak(detail); });
    setInterval(() => { if (jobs.notBefore) this.draw(); }, 1000);
  }

  draw() {
    const { list } = this.jobs;
    at("heading").hidden = !list.length;
    for (const job of this.#entries.keys()) if (!list.includes(job)) this.#drop(job);
    list.forEach((job, place) => {
      if (!this.#entries.has(job)) this.#entries.set(job, this.#make(job));
      const { item } = this.#entries.get(job);
      if (at("list").children[place] !== item) at("list").insertBefore(item, at("list").children[place] ?? null);
      this.#update(job);
    });
  }

  #make(job) {
    const entry = { item: make("li"), name: make("b"), state: make("p", "", { className: "state" }), actions: make("div", "", { className: "bar" }) };
    entry.bar = make("progress", "", { max: 1 });
    entry.bar.setAttribute("aria-label", `Progress of ${job.name}`);
    entry.menu = make("ul", "", { className: "menu", hidden: true });
    entry.item.append(entry.name, entry.bar, entry.state, entry.actions, entry.menu);
    return entry;
  }

  #update(job) {
    const entry = this.#entries.get(job), share = shareOf(job), words = wordsOf(job, this.jobs.notBefore);
    if (entry.name.textContent !== job.name) entry.name.textContent = job.name;
    if (entry.state.textContent !== words) entry.state.textContent = words;
    entry.bar.hidden = !isActive(job);
    if (share === null) entry.bar.removeAttribute("value"); else entry.bar.value = share;
    entry.item.className = [job.state, this.shown === job ? "shown" : ""].join(" ");
    const kind = isActive(job) ? "active" : `${job.state} ${Boolean(job.file)} ${job.hasPage} ${job.id} ${this.actions.exports(job).length}`;
    if (entry.kind !== kind) this.#offer(job, entry, kind);
    entry.actions.querySelector(".show")?.setAttribute("aria-pressed", this.shown === job);
  }

  /** Buttons that fit the state; focus goes to the first where it was on one that is no longer there. */
  #offer(job, entry, kind) {
    const { actions } = this, hadFocus = entry.actions.contains(document.activeElement);
    const offered = (words, action, properties = {}) => {
      const element = button(words, () => action(job), properties);
      element.setAttribute("aria-label", `${words.replace("…", "")}: ${job.name}`);
      return element;
    };
    entry.kind = kind;
    entry.menu.hidden = true;
    if (isActive(job)) entry.actions.replaceChildren(offered("Cancel", actions.cancel));
    else if (job.state === "done") {
      const show = offered("Show", actions.show, { className: "show" });
      entry.actions.replaceChildren(
        ...(job.hasPage ? [show] : []), offered("Moments", actions.moments), this.#exportButton(job, entry), offered("Remove", actions.remove),
      );
    } else entry.actions.replaceChildren(offered(job.file ? "Send again" : "Choose again…", actions.again), offered("Remove", actions.remove));
    if (hadFocus) entry.actions.querySelector("button").focus();
  }

  /** A button that opens the links to all formats. */
  #exportButton(job, { menu }) {
    const open = (isOpen) => { menu.hidden = !isOpen; element.setAttribute("aria-expanded", isOpen); };
    const element = button("Export", () => open(menu.hidden), { className: "opens" });
    element.setAttribute("aria-label", `Export: ${job.name}`);
    menu.replaceChildren(...this.actions.exports(job).map(([words, address]) => {
      const link = make("a", words, { href: address, download: "" }), entry = make("li");
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.actions.save(job, address);
      });
      entry.append(link);
      return entry;
    }));
    menu.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      open(false);
      element.focus();
    };
    open(false);
    return element;
  }

  #drop(job) {
    const { item } = this.#entries.get(job), hadFocus = item.contains(document.activeElement);
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    this.#entries.delete(job);
    if (hadFocus) (next?.querySelector("button") ?? at("choose")).focus();
  }

  #speak(job) {
    const entry = this.#entries.get(job), words = spokenOf(job, this.jobs.notBefore);
    if (!entry || entry.spoken === words) return;
    entry.spoken = words;
    say(words);
  }
}
