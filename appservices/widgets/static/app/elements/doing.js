/** An element that does one thing at a time, and says why that did not work. */
import { VecheElement } from "../../kit/elements.js";

export class Doing extends VecheElement {
    /** @type {import("lit").PropertyDeclarations} */
    static properties = { isBusy: { state: true }, error: { state: true } };

    constructor() {
        super();
        this.isBusy = false;
        this.error = "";
    }

    /** @param {() => Promise<unknown>} work @param {(error: unknown) => string} failed words */
    async doing(work, failed) {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: "" });
        try {
            await work();
        } catch (error) {
            this.error = failed(error);
        } finally {
            this.isBusy = false;
        }
    }
}
