/**
 * A press that was meant for what was here before is no signature: a press counts once the button
 * has been usable, and the window in sight, for half a second.
 */
const LOOK_MS = 500;

export class Guard {
    constructor() {
        this.since = Infinity;
        this._anew = () => {
            if (this.since !== Infinity) this.since = performance.now();
        };
    }

    /** @param {boolean} isUsable whether the button can be pressed now */
    set(isUsable) {
        if (!isUsable) this.since = Infinity;
        else if (this.since === Infinity) this.since = performance.now();
    }

    /** @returns {boolean} whether a press counts now */
    get isReady() {
        const isSeen = document.visibilityState === "visible";
        return isSeen && performance.now() - this.since >= LOOK_MS;
    }

    watch() {
        document.addEventListener("visibilitychange", this._anew);
        window.addEventListener("focus", this._anew);
    }

    stop() {
        document.removeEventListener("visibilitychange", this._anew);
        window.removeEventListener("focus", this._anew);
    }
}
