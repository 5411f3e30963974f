/** The question for the strongest moments of a recording. */
import { at, make } from "./page.js";

const SCORES = ["Attributes", "Categories"];

/** Asks in a dialog. Returns [name of what is found, options as the API names them], or null where it is cancelled. */
export const askForMoments = (name, model, hasFile) => new Promise((done) => {
  const dialog = at("moments"), before = at("attribute").value;
  const groups = [Object.keys(model.attributes), Object.values(model.categories).flat()].map((names, place) => {
    const group = make("optgroup", "", { label: SCORES[place] });
    group.append(...names.map((one) => make("option", one, { selected: one === before })));
    return group;
  });
  at("attribute").replaceChildren(...groups.filter((group) => group.children.length));
  at("moments-of").textContent = name;
  at("moments-gone").hidden = hasFile;
  at("find").textContent = hasFile ? "Find" : "Choose the file again…";
  dialog.returnValue = "";
  dialog.showModal();
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "find") return done(null);
    const attribute = at("attribute").value, way = at("way").value, number = at("number").value;
    done([`${way} ${attribute}, ${number}`, { model: model.name, attribute, [way]: number }]);
  }, { once: true });
});
