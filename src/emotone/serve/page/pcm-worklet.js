/** Gives the sound of its first input as 16-bit samples at 16 kHz, in blocks of 0.1 s; "end" asks for the rest. */

const RATE_HZ = 16000, BLOCK = 1600;
const ZEROS = 24; // of the sinc on each side: the pass band ends at 7.2 kHz

/** From another rate to 16 kHz: a sinc under a Hann window, tabulated for each phase that occurs. */
class Resampler {
  constructor(rateHz) {
    const divisor = (a, b) => (b ? divisor(b, a % b) : a);
    const common = divisor(rateHz, RATE_HZ);
    this.up = RATE_HZ / common;
    this.down = rateHz / common;
    const cutoff = Math.min(1, RATE_HZ / rateHz) * 0.95; // of half the input's rate
    this.half = Math.ceil(ZEROS / cutoff);
    this.filters = Array.from({ length: this.up }, (_, phase) => Float32Array.from({ length: 2 * this.half }, (_, tap) => {
      const x = tap - this.half + 1 - phase / this.up;
      const window = Math.abs(x) < this.half ? 0.5 + 0.5 * Math.cos((Math.PI * x) / this.half) : 0;
      return cutoff * window * (x === 0 ? 1 : Math.sin(Math.PI * cutoff * x) / (Math.PI * cutoff * x));
    }));
    this.past = new Float32Array(this.half - 1); // silence before the first sample
    this.phase = 0;
  }

  feed(samples) {
    const all = new Float32Array(this.past.length + samples.length), given = [];
    all.set(this.past);
    all.set(samples, this.past.length);
    let start = 0;
    while (start + 2 * this.half <= all.length) {
      const filter = this.filters[this.phase % this.up];
      let sum = 0;
      for (let tap = 0; tap < filter.length; tap++) sum += filter[tap] * all[start + tap];
      given.push(sum);
      this.phase += this.down;
      start += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    this.past = all.slice(start);
    return given;
  }
}

class Pcm extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === RATE_HZ ? null : new Resampler(sampleRate);
    this.block = new Int16Array(BLOCK);
    this.size = 0;
    this.isOver = false;
    this.port.onmessage = () => {
      if (this.resampler) this.add(this.resampler.feed(new Float32Array(this.resampler.half)));
      this.give(true);
      this.isOver = true;
    };
  }

  process([[samples]]) {
    if (samples && !this.isOver) this.add(this.resampler ? this.resampler.feed(samples) : samples);
    return !this.isOver;
  }

  add(samples) {
    for (const sample of samples) {
      this.block[this.size++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      if (this.size === BLOCK) this.give(false);
    }
  }

  give(isLast) {
    const samples = this.block.slice(0, this.size);
    this.size = 0;
    this.port.postMessage({ samples, isLast }, [samples.buffer]);
  }
}

registerProcessor("pcm", Pcm);
