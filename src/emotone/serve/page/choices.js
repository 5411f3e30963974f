/** Which bundle scores, and what is a row: chosen here, kept for this tab. */
import { at, make } from "./page.js";

const FIELDS = ["model", "rows", "window", "channels"];

export class Choices {
  models = [];

  constructor() {
    const kept = JSON.parse(sessionStorage.getItem("choices") || "{}");
    this.wanted = kept.model;
    for (const name of FIELDS.slice(1)) if (kept[name]) at(name).value = kept[name];
    at("choices").addEventListener("input", () => this.#changed());
    at("choices").addEventListener("submit", (event) => event.preventDefault());
  }

  /** models: as v1/about has them. */
  load(models) {
    this.models = models;
    const chosen = models.find((model) => model.name === this.wanted) ?? models.find((model) => model.is_default) ?? models[0];
    at("model").replaceChildren(...models.map((model) => make("option", model.name, { selected: model === chosen })));
    this.#changed();
  }

  get model() { return this.of(at("model").value); }

  of(name) { return this.models.find((model) => model.name === name) ?? this.models[0]; }

  /** The options of a prediction as the API names them; null where one is wrong, which the browser then says. */
  fields() {
    if (!at("choices").reportValidity()) return null;
    const rows = at("rows").value, fields = { model: at("model").value };
    if (rows === "utterances") fields.utterances = "true";
    if (rows === "windows") fields.window = at("window").value;
    if (at("channels").value === "each") fields.channels = "each";
    return fields;
  }

  #changed() {
    const isWindows = at("rows").value === "windows";
    at("window-of").hidden = !isWindows;
    at("window").required = isWindows;
    sessionStorage.setItem("choices", JSON.stringify(Object.fromEntries(FIELDS.map((name) => [name, at(name).value]))));
    const model = this.model;
    if (!model) return;
    at("description").textContent = model.description;
    at("reliability").replaceChildren(
      ...Object.entries(model.reliability ?? {}).map(([target, words]) => make("li", `${target}: ${words}`)),
    );
  }
}
