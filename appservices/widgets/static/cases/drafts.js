/**
 * What is typed into the form of a case, kept at the service while it is typed: a reload, the back
 * button, a dead battery lose nothing, and the chat knows it too.
 *
 * Two tabs do not overwrite one another: what another one has kept meanwhile is taken over while
 * nothing was typed here; otherwise nothing more is kept until the person has chosen.
 *
 * @typedef {Record<string, unknown>} Answers
 * @typedef {"idle" | "typing" | "saving" | "saved" | "failed" | "over" | "conflict"} Standing
 */
import { ApiError } from "../kit/api.js";
import { session } from "../kit/session.js";
import { isFramed } from "../kit/page.js";
import { keepDraft } from "./agency.js";

const QUIET_MS = 800;
const AGAIN_MS = 5000;
/** How long an answer of the service may be on its way. */
const LATE_MS_MAX = 10_000;
const UNSAVED_PLACE = "veche.unsaved";
const UNSAVED_MS_MAX = 30 * 60 * 1000;
const CHANNEL = "veche-drafts";

/** @param {Answers} answers @returns {string} equal for equal answers, whatever their order */
export function asText(answers) {
    const filled = Object.entries(answers).filter(
        ([, value]) =>
            value !== null &&
            value !== undefined &&
            value !== "" &&
            !(Array.isArray(value) && !value.length),
    );
    return JSON.stringify(Object.fromEntries(filled), sorted);
}

/** @param {string} _name @param {any} value @returns {unknown} with its fields in one order */
function sorted(_name, value) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export class DraftKeeper {
    /**
     * @param {string} id of the case
     * @param {string[]} fields ids of those that this page can fill in
     * @param {() => void} changed called when `standing` is another
     */
    constructor(id, fields, changed) {
        this.id = id;
        this.fields = fields;
        /** @type {Standing} */
        this.standing = "idle";
        /** @type {unknown} why it could not be kept */
        this.error = undefined;
        this._changed = changed;
        this._base = asText({});
        /** What was there before this tab kept something: it may still be on its way here. */
        this._before = { text: this._base, until: 0 };
        /** @type {Answers | undefined} typed, and not kept yet */
        this._typed = undefined;
        /** @type {{text: string, stop: AbortController} | undefined} on its way to the service */
        this._sending = undefined;
        this._timer = 0;
        /** The form is being sent. */
        this._isHeld = false;
        this._person = session()?.person;
        /** Whether what is typed has been sent and put away on the way out. */
        this._isLeft = false;
        this._leave = () => this.leave();
        window.addEventListener("pagehide", this._leave);
        this._channel = isFramed ? undefined : new BroadcastChannel(CHANNEL);
    }

    /** @param {() => void} changed called when another tab has kept a draft of this case */
    listen(changed) {
        this._channel?.addEventListener("message", ({ data }) => {
            if (data === this.id) changed();
        });
    }

    /**
     * Takes over what the service has.
     * @param {Answers} draft
     * @returns {boolean} whether the form should be filled with it
     */
    incoming(draft) {
        const text = asText(this._ours(draft));
        // What is on its way may come back before its answer does.
        if (text === this._base || text === this._sending?.text) return false;
        if (this.standing === "saving") return false;
        if (text === this._before.text && performance.now() < this._before.until) return false;
        if (this._typed && text === asText(this._typed)) {
            this._base = text;
            return false;
        }
        if (this._typed) {
            clearTimeout(this._timer);
            this._set("conflict");
            return false;
        }
        this._base = text;
        return true;
    }

    /** @param {Answers} answers all that is filled in now */
    typed(answers) {
        this._typed = answers;
        this._isLeft = false;
        if (this.standing === "conflict") return;
        this._set("typing");
        this._later(QUIET_MS);
    }

    /** The form is about to be sent: nothing more is kept meanwhile, since it would come too late. */
    hold() {
        this._isHeld = true;
        clearTimeout(this._timer);
        this._sending?.stop.abort();
    }

    /** The form was not sent: what was typed is kept again. */
    release() {
        this._isHeld = false;
        if (!this._typed || this.standing === "conflict") return;
        this._set("typing");
        this._later(QUIET_MS);
    }

    /** The person has chosen what stands in this tab. */
    keepMine() {
        this._set("typing");
        void this.flush();
    }

    /** @param {Answers} draft the person has chosen what the service has */
    takeTheirs(draft) {
        this._typed = undefined;
        this._base = asText(this._ours(draft));
        this._set("idle");
    }

    /** Nothing more is to be kept: the form was sent. */
    done() {
        clearTimeout(this._timer);
        this._isHeld = false;
        this._typed = undefined;
        this._set("idle");
    }

    /** Keeps now what was typed. */
    async flush() {
        clearTimeout(this._timer);
        const typed = this._typed;
        // One at a time, or an older one that is tried again would stand over a newer one.
        if (!typed || this._isHeld || this._sending || this.standing === "conflict") return;
        const stop = new AbortController();
        this._sending = { text: asText(typed), stop };
        this._set("saving");
        try {
            await keepDraft(this.id, this._values(typed), { signal: stop.signal });
            this._sending = undefined;
            this._kept(typed);
        } catch (error) {
            this._sending = undefined;
            if (!stop.signal.aborted) this._failed(error);
        }
    }

    /** @param {Answers} typed what the service has now */
    _kept(typed) {
        this._before = { text: this._base, until: performance.now() + LATE_MS_MAX };
        this._base = asText(typed);
        this._channel?.postMessage(this.id);
        if (this._typed === typed) this._typed = undefined;
        if (this.standing === "conflict") return;
        this._set(this._typed ? "typing" : "saved");
        if (this._typed) this._later(QUIET_MS);
    }

    /** @param {unknown} error */
    _failed(error) {
        this.error = error;
        const isRefused = error instanceof ApiError && error.status < 500 && error.status !== 429;
        this._set(isRefused ? "over" : "failed");
        if (!isRefused) this._later(AGAIN_MS);
    }

    /** The page goes away: what is not kept yet is sent on the way out, and stays in this tab. */
    leave() {
        clearTimeout(this._timer);
        const typed = this._typed;
        if (!typed || isFramed || this._isLeft) return;
        this._isLeft = true;
        this._sending?.stop.abort(); // an older one
        if (session()?.person === this._person && this.standing !== "conflict")
            void keepDraft(this.id, this._values(typed), { isLeaving: true }).catch(() => {});
        const kept = {
            id: this.id,
            person: this._person,
            at_ms: Date.now(),
            answers: this._values(typed),
        };
        try {
            sessionStorage.setItem(UNSAVED_PLACE, JSON.stringify(kept));
        } catch {
            // Storage is refused: the request above is what there is.
        }
    }

    /** The view is gone. */
    stop() {
        this.leave();
        window.removeEventListener("pagehide", this._leave);
        this._channel?.close();
    }

    /** @param {Answers} draft @returns {Answers} what this page can fill in of it */
    _ours(draft) {
        return Object.fromEntries(this.fields.map((id) => [id, draft[id]]));
    }

    /** @param {Answers} typed @returns {Answers} null for what was emptied */
    _values(typed) {
        return Object.fromEntries(this.fields.map((id) => [id, typed[id] ?? null]));
    }

    /** @param {number} waitMs */
    _later(waitMs) {
        clearTimeout(this._timer);
        if (!this._isHeld) this._timer = setTimeout(() => void this.flush(), waitMs);
    }

    /** @param {Standing} standing */
    _set(standing) {
        if (this.standing === standing) return;
        this.standing = standing;
        this._changed();
    }
}

/**
 * What was typed in this tab before it went to another page, taken out at once.
 * @param {string} id of the case
 * @returns {Answers | undefined} none if it was somebody else's, another case's, or long ago
 */
export function takeUnsaved(id) {
    if (isFramed || !session()) return undefined;
    try {
        const found = JSON.parse(sessionStorage.getItem(UNSAVED_PLACE) ?? "null");
        if (!found) return undefined;
        const isOther = found.person !== session()?.person;
        const isOld = Date.now() - found.at_ms > UNSAVED_MS_MAX;
        if (isOther || isOld || found.id === id) sessionStorage.removeItem(UNSAVED_PLACE);
        return found.id === id && !isOther && !isOld ? found.answers : undefined;
    } catch {
        return undefined;
    }
}
