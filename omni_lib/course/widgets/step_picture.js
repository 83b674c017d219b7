// The browser part of StepPicture: buttons for a step and for playing, and a drawing that can have the focus,
// where the arrow keys ask for a step.

const STEPS = { ArrowRight: "forward", ArrowLeft: "back", Home: "first", End: "last" };
const PAUSE = 900; // milliseconds from step to step

function element(parent, tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

function render({ model, el }) {
  el.classList.add("omni-step-picture");
  const buttons = element(el, "div", "buttons");
  const frame = element(el, "div", "frame");
  const drawing = element(frame, "div", "drawing");
  const keys = element(el, "div", "keys");
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  drawing.setAttribute("role", "img");
  let timer = 0;
  let awaited = false; // whether a step that playing has asked for is not drawn yet

  function ask(step) { model.send({ step }); }
  function pause() {
    clearInterval(timer);
    timer = 0;
    awaited = false;
    player.textContent = "▶ play";
  }
  function advance() {
    if (awaited) return; // a busy kernel would get more and more requests
    if (model.get("at_end")) { pause(); return; }
    ask("forward");
    awaited = true;
  }
  function play() {
    if (timer) { pause(); return; }
    awaited = model.get("at_end");
    if (awaited) ask("first");
    timer = setInterval(advance, PAUSE);
    player.textContent = "❚❚ pause";
  }
  function button(className, text, react) {
    const made = element(buttons, "button", className);
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", react);
    return made;
  }
  button("back", "← step back", () => { pause(); ask("back"); });
  button("step", "step →", () => { pause(); ask("forward"); });
  const player = button("play", "▶ play", play);

  function show() {
    awaited = false;
    drawing.innerHTML = model.get("drawing");
  }
  function name() {
    drawing.setAttribute("aria-label", model.get("alt"));
    frame.setAttribute("aria-label", model.get("key_help"));
    keys.textContent = model.get("key_help");
  }
  function press(event) {
    const step = STEPS[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    pause();
    ask(step);
  }

  frame.addEventListener("keydown", press);
  function told(message) { if (message.pause) pause(); }
  model.on("msg:custom", told);
  model.on("change:drawing", show);
  model.on("change:alt change:key_help", name);
  show();
  name();
  return () => {
    pause();
    model.off("msg:custom", told);
    model.off("change:drawing", show);
    model.off("change:alt change:key_help", name);
  };
}

export default { render };
