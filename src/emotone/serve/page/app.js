/** The page of `emotone serve`: its parts, put together. */
import { ask, Gone, link } from "./api.js";
import { Choices } from "./choices.js";
import { Jobs } from "./jobs.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { Microphone, peak, Recording } from "./microphone.js";
import { at, clock, make, say, tell } from "./page.js";
import { askForMoments } from "./search.js";

const isHere = /^(localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);
const LINK_WORDS = {
  ok: "",
  offline: "The server does not answer. Is it still running? Start it again where it is not; this page goes on by itself, and nothing is lost.",
  refused: "The server does not know this browser any more: it was restarted, or its address has expired. Open the address that "
    + "it prints now in a new tab, then come back: this page goes on by itself, and nothing is lost.",
};

const choices = new Choices();
const jobs = new Jobs();
let about = null, live = null, recorder = null;

// ---- what is sent -------------------------------------------------------------------------------------------------
const problem = (words) => tell(at("problem"), words);

const sendFiles = (files) => {
  problem("");
  const fields = choices.fields();
  if (!fields) return;
  for (const file of files) {
    const most = about.limits.upload_bytes;
    if (file.size > most) problem(`${file.name} has ${megabytes(file.size)}; this server takes files of up to ${megabytes(most)}.`);
    else jobs.add("predictions", file.name, fields, file);
  }
};
const megabytes = (bytes) => `${Math.ceil(bytes / 1e6)} MB`;

const drop = (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  const folders = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
  const names = folders.map((folder) => folder.name);
  sendFiles([...event.dataTransfer.files].filter((file) => !names.includes(file.name)));
  if (names.length) problem(`${names.join(", ")} is a folder: drop the files in it.`);
};

/** Lets people choose a file whose sound this page no longer holds. */
const chooseAgain = (use) => {
  const input = at("again");
  input.value = "";
  input.onchange = () => { if (input.files.length) use(input.files[0]); };
  input.click();
};

// ---- what is done with a recording --------------------------------------------------------------------------------
const showOnly = (id) => {
  for (const view of ["empty", "frame", "live"]) at(view).hidden = view !== id;
  at("back").hidden = id === "empty";
};
const toView = () => { if (matchMedia("(max-width: 46rem)").matches) at("view").scrollIntoView(); };

const setShown = (job) => {
  list.shown = job;
  sessionStorage.setItem("shown", job?.key ?? "");
  list.draw();
};

/** Carries out what needs a job's result; says what is wrong beside the job. */
const withResult = async (job, use) => {
  try {
    await use();
    job.notice = "";
  } catch (error) {
    if (error instanceof Gone) return jobs.lose(job);
    job.notice = link.note(error) ? "ready, but the server cannot be asked for it now" : error.message;
  } finally {
    list.draw();
  }
};

const show = (job, isAsked = true) => withResult(job, async () => {
  await ask(`v1/jobs/${job.id}`); // a frame would show the server's error as it is
  if (!isAsked && list.shown) return; // another was quicker
  const source = `v1/jobs/${job.id}/page`;
  if (at("frame").firstChild?.getAttribute("src") !== source) { // else it stays where it is
    const frame = make("iframe", "", { src: source, title: `Emotion in ${job.name}` });
    at("frame").replaceChildren(frame); // a new one leaves no history
  }
  setShown(job);
  if (isAsked || at("live").hidden) showOnly("frame");
  if (isAsked) toView();
});

const leave = (job) => {
  if (list.shown !== job) return;
  at("frame").replaceChildren();
  setShown(null);
  if (at("live").hidden) showOnly("empty");
};

const save = (job, address) => withResult(job, async () => {
  const answer = await ask(address);
  const made = URL.createObjectURL(await answer.blob());
  make("a", "", { href: made, download: fileName(job, address) }).click();
  setTimeout(() => URL.revokeObjectURL(made), 60_000);
});

/** The recording's own name with the suffix of the format, and its name where an earlier format has that suffix. */
const fileName = (job, address) => {
  const format = new URL(address, document.baseURI).searchParams.get("as");
  const own = format ? about.formats[format] ?? `.${format}` : ".html";
  const isFirst = !format || Object.entries(about.formats).find(([, other]) => other === own)?.[0] === format;
  const suffix = isFirst ? own : `-${format}${own}`;
  const stem = job.name.replace(/\.\w{1,5}(?=$|: )/, "").replaceAll(": ", ", ").replaceAll(":", "."); // Windows has no colons in names
  return `${stem}${suffix}`;
};

const findMoments = async (job) => {
  const found = await askForMoments(job.name, choices.of(job.fields.model), Boolean(job.file));
  if (!found) return;
  const [words, fields] = found;
  const search = (file) => {
    job.file = file;
    jobs.add("moments", `${file.name}: ${words}`, fields, file);
  };
  if (job.file) search(job.file); else chooseAgain(search);
};

const again = (job) => {
  if (job.file) jobs.again(job);
  else chooseAgain((file) => {
    if (job.kind === "predictions") job.name = file.name;
    jobs.again(job, file);
  });
};

const exportsOf = (job) => [
  ...(job.hasPage ? [["the page", `v1/jobs/${job.id}/page?download=true`]] : []),
  ...(job.kind === "moments" ? about?.moment_formats ?? [] : Object.keys(about?.formats ?? {})).map((name) => [name, `v1/jobs/${job.id}/result?as=${name}`]),
];

const list = new List(jobs, {
  show, again, save, moments: findMoments, exports: exportsOf,
  cancel: (job) => jobs.cancel(job),
  remove: (job) => { leave(job); jobs.remove(job); },
});

jobs.addEventListener("change", ({ detail: job }) => {
  if (job.state === "done" && job.hasPage && !list.shown && job.id) show(job, false);
  if (job.state !== "done") leave(job);
});

// ---- the microphone -----------------------------------------------------------------------------------------------
const toggleRecorder = async () => {
  if (recorder) return endRecording(true);
  problem("");
  const recording = new Recording();
  at("record").disabled = at("start-live").disabled = true;
  try {
    const microphone = await Microphone.open((samples) => {
      recording.add(samples);
      at("level").value = Math.sqrt(peak(samples));
      at("recorded").textContent = clock(recording.seconds);
    }, () => { if (recorder) endRecording(true).then(() => problem("The microphone has gone. What it heard until then is sent.")); });
    recorder = { recording, microphone };
    at("record").textContent = "Stop";
    at("recording").hidden = false;
    say("recording");
  } catch (error) {
    problem(error.message);
  } finally {
    at("record").disabled = false;
    at("start-live").disabled = Boolean(recorder);
    at("record").focus();
  }
};

const endRecording = async (isSent) => {
  const { recording, microphone } = recorder;
  recorder = null;
  await microphone.close();
  at("record").textContent = "Record";
  at("recording").hidden = true;
  at("start-live").disabled = false;
  at("record").focus();
  if (!isSent) return say("discarded");
  if (recording.numSamples) sendFiles([recording.file()]);
  else problem("Nothing was recorded: the microphone gave no sound.");
};

const startLive = async () => {
  problem("");
  showOnly("live");
  toView();
  if (live.recording) return; // it goes on, or waits to be sent
  at("record").disabled = true;
  try {
    await live.start(choices.model);
    at("stop-live").focus();
  } catch (error) {
    problem(error.message);
    closeLive();
  }
};

const closeLive = () => {
  showOnly(list.shown ? "frame" : "empty");
  at("record").disabled = false;
  at("start-live").focus();
};

// ---- the start ----------------------------------------------------------------------------------------------------
const load = async () => {
  if (about) return;
  try {
    const told = await (await ask("v1/about")).json();
    choices.load(told.models);
    live ??= new Live(told.colours ?? {});
    about = told;
    at("version").textContent = `Emotone ${told.version}`;
    for (const id of ["choose", "record", "start-live"]) at(id).disabled = false;
    list.draw();
    const kept = jobs.list.find((job) => job.key === sessionStorage.getItem("shown"));
    if (kept?.state === "done" && kept.id) await show(kept, false);
  } catch (error) {
    if (!link.note(error)) problem(error.message);
  }
};

tell(at("privacy"), isHere
  ? "Nothing leaves this machine. Recordings are removed as soon as they are scored."
  : "Recordings go to this server and nowhere else; they are removed there as soon as they are scored.");
for (const id of ["choose", "record", "start-live"]) at(id).disabled = true;
link.addEventListener("change", () => { tell(at("link"), LINK_WORDS[link.state]); if (link.state === "ok") load(); });
at("choose").addEventListener("click", () => at("files").click());
at("files").addEventListener("change", () => { sendFiles([...at("files").files]); at("files").value = ""; });
at("record").addEventListener("click", toggleRecorder);
at("discard").addEventListener("click", () => endRecording(false));
at("start-live").addEventListener("click", startLive);
at("to-side").addEventListener("click", () => { scrollTo(0, 0); at("choose").focus(); });
at("close-live").addEventListener("click", () => { live.take(); closeLive(); });
at("send-live").addEventListener("click", () => { closeLive(); sendFiles([live.take()]); });
addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) at("drop").classList.remove("over"); });
addEventListener("drop", drop);
list.draw();
addEventListener("beforeunload", (event) => { if (recorder || live?.recording) event.preventDefault(); });
load();
