/** A provider of remote signatures does not answer as it should; nothing was signed. */
export class ProviderDown extends Error {
    /** @param {string} provider what it is called */
    constructor(provider) {
        super(provider);
        this.provider = provider;
    }
}

/** What was begun at a provider can't be finished any more; nothing was signed. */
export class TooLate extends Error {}
