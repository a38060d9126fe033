/** That an account is official, by the directory: on pages, where no room is to be looked at. */
import { html, nothing } from "lit";
import { VecheElement } from "../kit/elements.js";
import { t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { directories } from "./directories.js";
import { ownerOf } from "./official.js";

class VecheBadge extends VecheElement {
    static properties = { account: {}, organisation: { state: true } };

    constructor() {
        super();
        this.account = "";
        /** @type {import("./official.js").Organisation | undefined} */
        this.organisation = undefined;
    }

    /** @param {Map<PropertyKey, unknown>} changed */
    willUpdate(changed) {
        if (!changed.has("account")) return;
        this.organisation = undefined;
        const { account } = this;
        directories().then(
            (known) => {
                if (account === this.account)
                    this.organisation = ownerOf(known, account)?.organisation;
            },
            () => {}, // without the directory there is no badge
        );
    }

    render() {
        const one = this.organisation;
        if (!one) return nothing;
        const href = `/official/${encodeURIComponent(one.id)}`;
        return one.standing === "official"
            ? html`<a class="with-mark" href=${href}
                  >${icon("verified")}<span>${t("Official account")}</span></a
              >`
            : html`<a class="with-mark error-text" href=${href}
                  >${icon("error")}<span>${t("Not official now")}</span></a
              >`;
    }
}
customElements.define("veche-badge", VecheBadge);
