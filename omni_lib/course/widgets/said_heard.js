// The browser part of SaidHeard: a play button in each row. One sound plays at a time.

function render({ model, el }) {
  el.classList.add("omni-said-heard");
  el.innerHTML = model.get("table"); // made by Python, which escapes the texts
  const audio = document.createElement("audio");
  const problem = document.createElement("div");
  problem.className = "problem";
  problem.setAttribute("role", "status");
  el.append(audio, problem);
  const names = model.get("names");
  const sounds = model.get("sounds");
  let url = null;
  let playing = -1;

  const buttons = [...el.querySelectorAll("td.play")].map((cell, index) => {
    const button = document.createElement("button");
    button.type = "button";
    cell.append(button);
    button.addEventListener("click", () => {
      if (index === playing && !audio.paused) { audio.pause(); return; }
      if (index !== playing) {
        if (url) URL.revokeObjectURL(url);
        url = URL.createObjectURL(new Blob([sounds[index]], { type: "audio/wav" }));
        audio.src = url;
        playing = index;
      }
      play();
    });
    return button;
  });

  // A pause or another sound that comes before the sound has begun is no failure. Any other reason is shown.
  function play() {
    problem.textContent = "";
    audio.play().catch((error) => {
      if (error.name === "AbortError") return;
      problem.textContent = `The browser cannot play this sound. Run the cell again. (${error.message})`;
    });
  }

  function show() {
    buttons.forEach((button, index) => {
      const active = index === playing && !audio.paused;
      button.textContent = active ? "❚❚" : "▶";
      button.setAttribute("aria-label", `${active ? "pause" : "play"} the clip ${names[index]}`);
      button.closest("tr").classList.toggle("now", active);
    });
  }

  for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, show);
  show();
  return () => {
    audio.pause();
    if (url) URL.revokeObjectURL(url);
  };
}

export default { render };
