/**
 * What was prepared goes out, document after document. Whenever it breaks off, what was sent stays
 * sent, the others stay prepared, and nobody is asked twice.
 *
 * @typedef {import("./rows.js").Form} Form
 * @typedef {import("./draft.js").Sent} Sent
 * @typedef {import("./draft.js").Draft} Draft
 * @typedef {import("./sending.js").Ready} Ready
 * @typedef {import("./sending.js").Sealed} Sealed
 * @typedef {"begin" | "upload" | "send"} Step
 */
import { keepSent, moveOn } from "./draft.js";
import { formsOf, withoutFirst } from "./rows.js";
import { fetchLetters, handIn, madeReady, sealed, sendOut } from "./sending.js";
import { prepared } from "./upload.js";

export class Batch {
    /**
     * @param {Draft} draft with a file, and a form without problems
     * @param {Ready} ready what was looked at
     * @param {string} server
     * @param {Sent[]} sent before
     */
    constructor(draft, ready, server, sent) {
        /** @type {Draft | undefined} what is left to be sent; none: nothing */
        this.draft = draft;
        this.ready = ready;
        this.server = server;
        this.sent = sent;
        /** @type {Sealed | undefined} what is being sent: a second attempt sends the same */
        this._sealed = undefined;
    }

    /**
     * @param {(step: Step) => void} tell called after each change, too
     * @returns {Promise<void>} once all are out
     */
    async send(tell) {
        await this._finish(tell);
        while (this.draft) {
            const { draft } = this;
            const form = /** @type {Form} */ (formsOf(draft.form)[0]);
            this._sealed ??= await this._made(draft, form);
            const one = await handIn(this._sealed, form, this.server, tell);
            this._sealed = undefined;
            const left = withoutFirst(draft.form);
            this.sent = [...this.sent, one];
            this.draft = left && { ...draft, form: left };
            await moveOn(this.sent, this.draft);
            await this._finish(tell);
        }
    }

    /** Asks the people of those that were handed in before it broke off. @param {(step: Step) => void} tell */
    async _finish(tell) {
        this.sent = await askedAll(this.sent, () => tell("send"));
    }

    /**
     * Each of many has chance of its own in it, so that none is told by another.
     * @param {Draft} draft
     * @param {Form} form
     * @returns {Promise<Sealed>}
     */
    async _made({ file, filename, form: { isEach } }, form) {
        if (!isEach || !file) return sealed(this.ready, form, filename, this.server);
        const upload = await prepared(file, filename);
        const ready = madeReady(upload, form, this.server, await fetchLetters());
        return sealed(ready, form, filename, this.server);
    }
}

/**
 * @param {Sent[]} sent
 * @param {() => void} tell
 * @returns {Promise<Sent[]>} all of which are out
 */
export async function askedAll(sent, tell) {
    let all = sent;
    for (const [at, one] of sent.entries()) {
        if (one.isOut !== false) continue;
        tell();
        all = all.with(at, await sendOut(one));
        await keepSent(all);
    }
    return all;
}
