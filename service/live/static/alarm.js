// Calls for attention, for those who ask for it: by a short tone and by one pulse when a client can be lost, or is saved.
// `sound` and `flash` are the amounts from which a new client is told; in the hours of `quiet` nobody is.

const NOTES = { lost: [659.3, 523.3], saved: [523.3, 659.3, 784] }; // hertz: falling, rising
const NOTE_S = 0.22;
const LOUDNESS = 0.12; // of 1
const TONE_PAUSE_MS = 3_000; // between two tones at least
const PULSE_PAUSE_MS = 2_000; // between two pulses at least: WCAG 2.3.1 allows three flashes in a second
const PULSE_MS = 1_600;

const settings = document.documentElement.dataset;

/** Tells of clients that arrived and that were saved. */
export class Alarm {
  #context = null;
  #tone = -Infinity;
  #pulse = -Infinity;

  constructor(clock, messages) {
    this.clock = clock;
    this.messages = messages;
    if (settings.sound && window.AudioContext) this._prepare();
  }

  /** Tell of the rows of some clients. */
  tell(arrived, saved) {
    if (!(settings.sound || settings.flash) || this._isQuiet()) return;
    if (arrived.some((row) => isAbove(row, settings.sound))) this._play(NOTES.lost);
    else if (saved.length) this._play(NOTES.saved);
    if (settings.flash) this._flash(arrived.filter((row) => isAbove(row, settings.flash)), saved.length);
  }

  _isQuiet() {
    if (!settings.quiet) return false;
    const [from, to] = settings.quiet.split("-");
    const now = this.clock.timeOfDay();
    return from < to ? from <= now && now < to : now >= from || now < to;
  }

  /** A browser is silent until somebody has pressed something, so the page asks for that. */
  _prepare() {
    const context = new AudioContext();
    this.#context = context;
    const button = document.createElement("button");
    button.type = "button";
    button.id = "sound";
    document.querySelector(".state").prepend(button);
    const show = () => {
      const on = context.state === "running";
      button.textContent = this.messages[on ? "sound_off" : "sound_on"];
      button.hidden = on && settings.mode === "wall"; // nobody wants it there any more
    };
    button.addEventListener("click", () => (context.state === "running" ? context.suspend() : context.resume()));
    context.onstatechange = show;
    show();
    if (settings.mode === "wall") button.focus(); // a remote control has one key for it
  }

  _play(notes) {
    const now = performance.now();
    if (!this.#context || this.#context.state !== "running" || now - this.#tone < TONE_PAUSE_MS) return;
    this.#tone = now;
    for (const [index, hertz] of notes.entries()) ring(this.#context, hertz, this.#context.currentTime + index * NOTE_S);
  }

  /** One calm pulse: of the rows that arrived, and of the figure of those that were saved. */
  _flash(rows, saved) {
    const elements = saved ? [...rows, ...document.querySelectorAll("#gaps .saved")] : rows;
    const now = performance.now();
    if (!elements.length || now - this.#pulse < PULSE_PAUSE_MS) return;
    this.#pulse = now;
    for (const element of elements) {
      element.classList.add("pulse");
      setTimeout(() => element.classList.remove("pulse"), PULSE_MS);
    }
  }
}

function isAbove(row, amount) {
  return amount !== undefined && Number(row.dataset.amount) >= Number(amount);
}

/** One soft note, like that of a small bell. */
function ring(context, hertz, at) {
  const note = context.createOscillator();
  const loudness = context.createGain();
  note.frequency.value = hertz;
  loudness.gain.setValueAtTime(0, at);
  loudness.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
  loudness.gain.exponentialRampToValueAtTime(0.0001, at + 2 * NOTE_S);
  note.connect(loudness).connect(context.destination);
  note.start(at);
  note.stop(at + 2 * NOTE_S);
}
