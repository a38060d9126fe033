/** Records a voice message by the browser's own recorder. */

const TYPES = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
const TICK_MS = 100;
const LENGTH_MS_MAX = 10 * 60_000;
const WAVEFORM_PARTS = 60;

export class Recorder {
    static get isThere() {
        return Boolean(globalThis.MediaRecorder && navigator.mediaDevices);
    }

    /**
     * @param {(ms: number) => void} tick
     * @returns {Promise<Recorder>} it records
     * @throws {DOMException} there is no microphone, or the person refuses
     */
    static async start(tick) {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
        return new Recorder(stream, tick);
    }

    /** @param {MediaStream} stream @param {(ms: number) => void} tick */
    constructor(stream, tick) {
        const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
        this._stream = stream;
        /** @type {Blob[]} */
        this._parts = [];
        /** @type {number[]} how loud it was, one a tick */
        this._levels = [];
        this._recorder = new MediaRecorder(stream, mimeType ? { mimeType } : {});
        this._recorder.ondataavailable = ({ data }) => this._parts.push(data);
        this._begun = performance.now();
        this._audio = new AudioContext();
        const analyser = this._audio.createAnalyser();
        this._audio.createMediaStreamSource(stream).connect(analyser);
        const samples = new Float32Array(analyser.fftSize);
        this._timer = setInterval(() => {
            analyser.getFloatTimeDomainData(samples);
            this._levels.push(samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0));
            const ms = performance.now() - this._begun;
            tick(ms);
            if (ms > LENGTH_MS_MAX && this._recorder.state === "recording") this._recorder.stop();
        }, TICK_MS);
        this._recorder.start();
    }

    /** @returns {Promise<{blob: Blob, duration_ms: number, waveform: number[]}>} */
    async stop() {
        const duration_ms = Math.min(LENGTH_MS_MAX, performance.now() - this._begun);
        if (this._recorder.state === "recording")
            await new Promise((resolve) => {
                this._recorder.onstop = resolve;
                this._recorder.stop();
            });
        this._release();
        const type = this._recorder.mimeType.split(";")[0] || "audio/webm";
        return { blob: new Blob(this._parts, { type }), duration_ms, waveform: this._waveform() };
    }

    cancel() {
        if (this._recorder.state === "recording") this._recorder.stop();
        this._release();
    }

    _release() {
        clearInterval(this._timer);
        void this._audio.close();
        for (const track of this._stream.getTracks()) track.stop();
    }

    /** @returns {number[]} from 0 to 1 */
    _waveform() {
        const step = Math.max(1, this._levels.length / WAVEFORM_PARTS);
        const count = Math.min(WAVEFORM_PARTS, this._levels.length);
        return Array.from({ length: count }, (_, part) => {
            const levels = this._levels.slice(
                Math.floor(part * step),
                Math.floor((part + 1) * step),
            );
            return Math.min(1, Math.max(0, ...levels));
        });
    }
}
