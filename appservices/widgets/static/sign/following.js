/**
 * Looking again at a document while the service closes it: that takes seconds, and nobody should
 * have to open the page anew to read that it is done, or save a file without its end.
 */
const PAUSE_MS = 2_000;
/** Four minutes: what takes longer waits for something, such as an authority for time stamps. */
const LOOKS_MAX = 120;

export class Following {
    /** @param {() => Promise<void>} look once; it may fail, and is tried again */
    constructor(look) {
        this._look = look;
        this._looks = 0;
        /** @type {ReturnType<typeof setTimeout> | undefined} */
        this._timer = undefined;
    }

    /** @param {boolean} isClosing whether there is something to wait for */
    set(isClosing) {
        if (!isClosing) this.stop();
        else if (this._timer === undefined) this._next();
    }

    stop() {
        clearTimeout(this._timer);
        this._timer = undefined;
        this._looks = 0;
    }

    _next() {
        if (this._looks >= LOOKS_MAX) return;
        const timer = setTimeout(async () => {
            // Nobody waits before a page that is not in sight.
            if (document.visibilityState === "visible") {
                this._looks += 1;
                await this._look().catch(() => {});
            }
            if (this._timer === timer) this._next();
        }, PAUSE_MS);
        this._timer = timer;
    }
}
