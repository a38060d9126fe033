/** The round picture of a person or a room: a mark until it has come, or where there is none. */
import { html } from "lit";
import { VecheElement } from "../../kit/elements.js";
import { colourOf, initialOf } from "../../kit/marks.js";
import { account } from "../account/account.js";

const SIDE = 48;

export class AppAvatar extends VecheElement {
    static properties = {
        name: { attribute: false },
        address: { attribute: false },
        mxc: { attribute: false },
        source: { state: true },
    };

    constructor() {
        super();
        this.name = "";
        this.address = "";
        /** @type {string | null | undefined} */
        this.mxc = undefined;
        this.source = "";
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        if (!changed.has("mxc")) return;
        this.source = "";
        if (this.mxc) void this._load(this.mxc);
    }

    /** @param {string} mxc */
    async _load(mxc) {
        const { opened } = account();
        if (!opened) return;
        try {
            const { smallPicture } = await import("../client/media.js");
            const source = await smallPicture(opened.client, mxc, SIDE);
            if (this.mxc === mxc) this.source = source;
        } catch {
            // It stays a mark.
        }
    }

    render() {
        return html`<span class="round ${colourOf(this.address || this.name)}" aria-hidden="true"
            >${
                this.source
                    ? html`<img src=${this.source} alt="" @error=${() => (this.source = "")} />`
                    : initialOf(this.name.replace(/^[#!]/, "") || "?")
            }</span
        >`;
    }
}
customElements.define("app-avatar", AppAvatar);

/**
 * The picture of somebody, as lists know them.
 * @param {{name: string, address: string, picture: string | null | undefined}} of
 * @param {string} [kind] its class
 */
export const avatarOf = ({ name, address, picture }, kind = "") =>
    html`<app-avatar class=${kind} .name=${name} .address=${address} .mxc=${picture}></app-avatar>`;
