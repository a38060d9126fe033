/** Faults of a document, apart from what finds them. */

/**
 * What is here is not what was agreed on.
 * @typedef {"key" | "blob" | "document" | "form" | "code" | "parties" | "box" | "increment"
 *   | "signature" | "matter" | "unseen" | "deleted"} Fault
 */
export class PaperError extends Error {
    /** @param {Fault} fault */
    constructor(fault) {
        super(fault);
        this.fault = fault;
    }
}
