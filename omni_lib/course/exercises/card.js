// The card of an exercise: see card.py. Every part is native HTML, for the keyboard and screen readers.

let cards = 0;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// The field for the answer, with `read` and `write` for its value. A code exercise has no field but its cell.
function answerOf(face, id, check) {
  const area = make("div", { className: "answers" });
  if (face.kind === "choice") {
    const buttons = face.options.map(([letter, text]) => {
      const radio = make("input", { type: "radio", name: id, value: letter });
      area.append(make("label", {}, radio, make("span", { innerHTML: `<b>${letter})</b> ${text}` })));
      return radio;
    });
    return {
      area, buttons,
      read: () => buttons.find((radio) => radio.checked)?.value ?? "",
      write: (value) => buttons.forEach((radio) => { radio.checked = radio.value === value; }),
    };
  }
  if (face.kind === "number" || face.kind === "text") {
    const field = face.kind === "text"
      ? make("textarea", { rows: 3 })
      : make("input", { type: "text", inputMode: "decimal" });
    field.setAttribute("aria-label", face.unit ? `your answer, in ${face.unit}` : "your answer");
    field.autocomplete = "off";
    area.append(field, face.unit ? make("span", { textContent: ` ${face.unit}` }) : "");
    if (face.kind === "number") {
      field.addEventListener("keydown", (event) => { if (event.key === "Enter") check(); });
    }
    return { area, read: () => field.value, write: (value) => { field.value = value; } };
  }
  return { area: "", read: () => "", write: () => {} };
}

function render({ model, el }) {
  const face = model.get("face");
  const id = `omni-card-${(cards += 1)}`;
  const send = (action) =>
    model.send({ action, answer: answer.read(), ticks: ticks.map((tick) => tick.checked) });
  const answer = answerOf(face, id, () => send("check"));

  const ticks = face.points.map(() => make("input", { type: "checkbox" }));
  const ours = make("div", { className: "model" });
  const labels = face.points.map((text, number) =>
    make("label", {}, ticks[number], make("span", { innerHTML: text })));
  const legend = make("legend", { textContent: "My answer says:" });
  const points = make("fieldset", { className: "answers" }, legend, ...labels);
  const judge = make("button", { type: "button", textContent: "Judge", onclick: () => send("judge") });
  const compare = make("div", { className: "compare" }, ours, points, judge);

  const names = { check: face.kind === "text" ? "Compare" : "Check", hint: "Hint", solution: "Solution" };
  const buttons = Object.entries(names).map(([action, textContent]) =>
    make("button", {
      type: "button", textContent, className: action === "check" ? "first" : "", onclick: () => send(action),
    }));
  const verdict = make("div", { className: "verdict" });
  verdict.setAttribute("role", "status");
  const note = make("div", { className: "note" });
  note.setAttribute("role", "status");

  const question = make("fieldset", {}, make("legend", { innerHTML: face.prompt }), answer.area);
  const card = make("section", { className: `omni-card omni-card-${face.kind}` },
                    question, make("div", { className: "buttons" }, ...buttons), compare, verdict, note);
  card.setAttribute("aria-label", `${face.kind === "code" ? "exercise" : "question"} ${face.name}`);
  // Otherwise JupyterLab takes arrow keys and letters. It looks at the element with the focus before its
  // parents.
  for (const part of card.querySelectorAll("input, textarea, button")) {
    part.setAttribute("data-lm-suppress-shortcuts", "");
  }
  card.addEventListener("keydown", (event) => {
    const letter = face.kind === "choice" && !event.ctrlKey && !event.metaKey && !event.altKey &&
      answer.buttons.find((radio) => radio.value === event.key.toLowerCase());
    if (letter) {
      letter.checked = true;
      letter.focus();
    } else if (event.key === "Enter" && event.target.type === "radio") {
      send("check");
    }
  });
  el.append(card);

  const update = () => {
    verdict.innerHTML = model.get("verdict");
    note.innerHTML = model.get("note");
    ours.innerHTML = `<b>Our answer.</b> ${model.get("model")}`;
    compare.hidden = !model.get("model");
  };
  const setTicks = () => model.get("ticks").forEach((value, number) => { ticks[number].checked = value; });
  const setAnswer = () => { if (model.get("answer")) answer.write(model.get("answer")); };
  model.on("change:verdict change:note change:model", update);
  model.on("change:ticks", setTicks);
  model.on("change:answer", setAnswer);
  update();
  setTicks();
  setAnswer();
}

export default { render };
