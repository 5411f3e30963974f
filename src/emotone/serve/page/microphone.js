/** The microphone as 16-bit samples, mono, 16 kHz; and a WAV file of them. */

export const RATE_HZ = 16000;
const ASKED = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false }; // as it sounds

const WHY_NOT = {
  NotAllowedError: "The browser does not let this page hear the microphone: allow it beside the address, and try again.",
  NotFoundError: "There is no microphone: plug one in, and try again.",
  NotReadableError: "The microphone is in use elsewhere, or does not work.",
};

/** Samples from when it is opened until `close`; `heard` is given an Int16Array for every 0.1 s, and at the end the rest; `lost` is called where it goes away by itself. */
export class Microphone {
  static async open(heard, lost) {
    if (!navigator.mediaDevices || !window.AudioWorkletNode) {
      throw new Error("The browser gives pages the microphone only on this machine (localhost) or over https.");
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: ASKED });
    } catch (error) {
      throw new Error(WHY_NOT[error.name] ?? `The microphone cannot be opened: ${error.message}`);
    }
    try {
      stream.getAudioTracks()[0].addEventListener("ended", lost);
      return await Microphone.#listen(stream, heard);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  static async #listen(stream, heard) {
    const microphone = new Microphone();
    let context = new AudioContext({ sampleRate: RATE_HZ }), source;
    try {
      source = context.createMediaStreamSource(stream);
    } catch { // Firefox has microphones only at their own rate, from which the worklet resamples
      await context.close();
      context = new AudioContext();
      source = context.createMediaStreamSource(stream);
    }
    await context.audioWorklet.addModule("assets/pcm-worklet.js");
    const node = new AudioWorkletNode(context, "pcm", {
      numberOfOutputs: 1, channelCount: 1, channelCountMode: "explicit", channelInterpretation: "speakers",
    });
    node.port.onmessage = ({ data }) => {
      if (data.samples.length) heard(data.samples);
      if (data.isLast) microphone.ended();
    };
    source.connect(node).connect(context.destination); // it gives silence; what leads nowhere may not run
    await context.resume();
    Object.assign(microphone, { stream, context, node });
    return microphone;
  }

  async close() {
    const end = new Promise((done) => { this.ended = done; });
    this.node.port.postMessage("end");
    await end;
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
  }

  ended() {}
}

/** Samples that are kept, block by block. */
export class Recording {
  blocks = [];
  numSamples = 0;

  add(samples) {
    this.blocks.push(samples);
    this.numSamples += samples.length;
  }

  get seconds() { return this.numSamples / RATE_HZ; }

  /** A WAV file that is named by the time of day. */
  file() {
    const head = new DataView(new ArrayBuffer(44)), size = 2 * this.numSamples;
    const words = (place, text) => [...text].forEach((letter, i) => head.setUint8(place + i, letter.charCodeAt(0)));
    words(0, "RIFF"); head.setUint32(4, 36 + size, true); words(8, "WAVEfmt "); head.setUint32(16, 16, true);
    head.setUint16(20, 1, true); head.setUint16(22, 1, true); head.setUint32(24, RATE_HZ, true);
    head.setUint32(28, 2 * RATE_HZ, true); head.setUint16(32, 2, true); head.setUint16(34, 16, true);
    words(36, "data"); head.setUint32(40, size, true);
    const time = new Date().toTimeString().slice(0, 8);
    return new File([head, ...this.blocks], `recording ${time}.wav`, { type: "audio/wav" });
  }
}

/** The greatest magnitude of samples, 0 to 1. */
export const peak = (samples) => {
  let most = 0;
  for (const sample of samples) most = Math.max(most, Math.abs(sample));
  return most / 32768;
};
