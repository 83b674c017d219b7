// The browser part of Microphone: record or read a file, convert it to 16 kHz mono 16-bit samples, and send
// them to the kernel.

const RATE = 16000; // Hz
const LARGEST_FILE = 50e6; // bytes; decoded it is larger still
const BLOCK = 2048; // samples between two updates of the level

// Runs in the audio thread and sends the samples in blocks.
const COLLECTOR = `
  registerProcessor("collector", class extends AudioWorkletProcessor {
    constructor() { super(); this.block = new Float32Array(${BLOCK}); this.filled = 0; }
    process([[channel]]) {
      for (const sample of channel ?? []) {
        this.block[this.filled++] = sample;
        if (this.filled === ${BLOCK}) { this.port.postMessage(this.block.slice()); this.filled = 0; }
      }
      return true;
    }
  });`;

const DROP = "or drop a sound file here";

// Why the microphone is not available, and what to do, by the name of the error.
function whyNot(error) {
  if (!window.isSecureContext) {
    return (
      `This page was opened as ${location.protocol}//${location.host}, and browsers allow the microphone ` +
      "only on localhost and on HTTPS pages. Open the notebook as http://localhost:… on the machine itself " +
      "or through an SSH tunnel, or over HTTPS; " + DROP + "."
    );
  }
  const reasons = {
    NotAllowedError:
      "Permission for the microphone was refused. Allow it for this page (the icon beside the address, or " +
      "the system's privacy settings) and press Record again. " +
      "Notebooks inside VS Code never get it: open this one in a browser, " + DROP + ".",
    NotFoundError: "No microphone was found. Plug one in and press Record again, " + DROP + ".",
    NotReadableError:
      "The microphone cannot be read: does another program use it? Close that program and press Record " +
      "again, " + DROP + ".",
    Unavailable:
      "This browser does not support recording. Use a recent Firefox, Chrome, Edge or Safari, " + DROP + ".",
  };
  return reasons[error.name] ?? `Recording failed (${error.message}). Press Record again, ${DROP}.`;
}

// An AudioBuffer as mono samples of 16 kHz. The resampler of the browser prevents aliasing.
async function toMono(buffer) {
  const length = Math.max(1, Math.round((buffer.length * RATE) / buffer.sampleRate));
  const context = new OfflineAudioContext(1, length, RATE);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.start();
  return (await context.startRendering()).getChannelData(0);
}

function toBytes(samples) {
  const view = new DataView(new ArrayBuffer(2 * samples.length)); // little-endian on every machine
  samples.forEach((sample, index) => {
    view.setInt16(2 * index, Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), true);
  });
  return view.buffer;
}

function render({ model, el }) {
  el.classList.add("omni-microphone");
  el.innerHTML = `
    <button type="button" class="record">● Record</button>
    <span class="level"><meter min="-60" max="0" low="-45" high="-3" optimum="-20" value="-60"
      aria-label="level of the microphone in decibels"></meter><span class="decibels">– dB</span></span>
    <span class="time" aria-hidden="true">0.0 s</span>
    <label class="drop">or a sound file, chosen or dropped here:
      <input type="file" accept="audio/*,.wav,.flac,.ogg,.mp3,.m4a"></label>
    <div class="said" role="status" aria-live="polite"></div>`;
  const [button, meter, decibels, time, drop, file, said] = [
    ".record", "meter", ".decibels", ".time", ".drop", "input", ".said",
  ].map((selector) => el.querySelector(selector));
  let recording = null; // {context, stream, blocks, rate}
  let starting = false; // instead of disabling the button, which would lose the keyboard focus

  function say(text) {
    said.textContent = text;
  }

  function send(samples, source) {
    const seconds = samples.length / RATE;
    if (seconds > model.get("longest")) {
      const limit = model.get("longest");
      say(`This sound lasts ${seconds.toFixed(0)} s; the limit is ${limit} s: choose a shorter part.`);
      return;
    }
    model.send({ kind: "recording", rate: RATE, source }, undefined, [toBytes(samples)]);
    say(`${seconds.toFixed(1)} s of sound were sent to the kernel, and nowhere else.`);
  }

  function showLevel(block) {
    const power = block.reduce((sum, sample) => sum + sample * sample, 0) / block.length;
    const level = 10 * Math.log10(Math.max(power, 1e-10));
    meter.value = Math.max(-60, level);
    decibels.textContent = `${level.toFixed(0)} dB`;
  }

  async function start() {
    if (starting) return;
    starting = true;
    let stream = null;
    let context = null;
    try {
      if (!navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode) {
        throw Object.assign(new Error("no microphone"), { name: "Unavailable" });
      }
      say("Waiting for your permission to use the microphone …");
      const plain = {
        channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false,
      };
      stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
      context = new AudioContext();
      const module = URL.createObjectURL(new Blob([COLLECTOR], { type: "text/javascript" }));
      await context.audioWorklet.addModule(module).finally(() => URL.revokeObjectURL(module));
      await context.resume();
      const collector = new AudioWorkletNode(context, "collector", {
        numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
      });
      const taken = { context, stream, blocks: [], rate: context.sampleRate };
      collector.port.onmessage = ({ data }) => {
        taken.blocks.push(data);
        const seconds = (taken.blocks.length * BLOCK) / taken.rate;
        showLevel(data);
        time.textContent = `${seconds.toFixed(1)} s`;
        if (recording === taken && seconds + (2 * BLOCK) / taken.rate > model.get("longest")) stop();
      };
      context.createMediaStreamSource(stream).connect(collector);
      recording = taken;
      button.textContent = "■ Stop";
      button.classList.add("recording");
      say("Recording. Speak, then press Stop.");
    } catch (error) {
      stream?.getTracks().forEach((track) => track.stop());
      context?.close();
      say(whyNot(error));
    }
    starting = false;
  }

  function release() {
    const { context, stream } = recording;
    stream.getTracks().forEach((track) => track.stop());
    context.close();
    recording = null;
    button.textContent = "● Record";
    button.classList.remove("recording");
    meter.value = -60;
    decibels.textContent = "– dB";
  }

  async function stop() {
    const { blocks, rate } = recording;
    release();
    if (!blocks.length) {
      say("That was too short: press Record, speak, press Stop.");
      return;
    }
    const buffer = new AudioBuffer({ length: blocks.length * BLOCK, sampleRate: rate });
    blocks.forEach((block, index) => buffer.copyToChannel(block, 0, index * BLOCK));
    send(await toMono(buffer), "microphone");
  }

  async function read(chosen) {
    if (!chosen) return;
    if (chosen.size > LARGEST_FILE) {
      say(`${chosen.name} has ${(chosen.size / 1e6).toFixed(0)} MB: choose a recording of some seconds.`);
      return;
    }
    try {
      const decoder = new OfflineAudioContext(1, 1, RATE); // decodes to its own rate
      send(await toMono(await decoder.decodeAudioData(await chosen.arrayBuffer())), "file");
    } catch {
      say(`${chosen.name} is not a sound file that this browser can read: use WAV, FLAC, OGG or MP3.`);
    }
  }

  button.addEventListener("click", () => (recording ? stop() : start()));
  file.addEventListener("change", () => read(file.files[0]).then(() => { file.value = ""; }));
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      event.stopPropagation(); // otherwise JupyterLab would upload the file
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") read(event.dataTransfer.files[0]);
    });
  }
  return () => { if (recording) release(); };
}

export default { render };
