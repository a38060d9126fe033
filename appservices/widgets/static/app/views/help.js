/** Help, contact and privacy: in few words, for anybody. */
import { html } from "lit";
import { catalogue } from "../../cases/agency.js";
import { VecheElement, spinner } from "../../kit/elements.js";
import { currentLanguage, t } from "../../kit/i18n.js";
import { officeRow } from "../elements/office.js";
import { hrefOf } from "../route.js";

export class AppHelp extends VecheElement {
    static properties = { topic: { attribute: false }, offices: { state: true } };

    constructor() {
        super();
        this.topic = "help";
        /** @type {import("./town.js").Office[] | undefined} */
        this.offices = undefined;
    }

    connectedCallback() {
        super.connectedCallback();
        catalogue("", currentLanguage()).then(
            ({ offices }) => (this.offices = offices),
            () => (this.offices = []),
        );
    }

    updated() {
        const detail = this.querySelector("h1")?.textContent ?? "";
        this.dispatchEvent(new CustomEvent("veche-title", { detail, bubbles: true }));
    }

    _help() {
        return html`<h1 tabindex="-1">${t("Help")}</h1>
            ${lines(
                t(
                    "To get a document, open Services and press Start. The office answers in your chat.",
                ),
                t("Home shows what waits for you: questions, payments, signatures."),
                t(
                    "You approve payments and signatures with the key of your device, on a page of its own.",
                ),
                t(
                    "Write to an office in your own words. If it does not understand, ask for a person.",
                ),
                t("Keep your recovery key safe. It brings your chats back on a new device."),
            )}
            <p>
                <a href=${hrefOf("me", "contact")}>${t("Contact")}</a> ·
                <a href=${hrefOf("me", "privacy")}>${t("Privacy")}</a>
            </p>`;
    }

    _contact() {
        return html`<h1 tabindex="-1">${t("Contact")}</h1>
            <p>
                ${t("Choose an office. In its chat, write “person”: somebody of the office answers you.")}
            </p>
            ${
                this.offices
                    ? html`<ul class="rows">
                          ${this.offices.map(officeRow)}
                      </ul>`
                    : spinner()
            }`;
    }

    _privacy() {
        return html`<h1 tabindex="-1">${t("Privacy")}</h1>
            ${lines(
                t("Your messages are encrypted from device to device. The server can't read them."),
                t(
                    "An office reads what you send to it, and notes each time somebody looks at your case.",
                ),
                t(
                    "This app keeps your account and your keys in this browser. It sets no cookies and follows nobody.",
                ),
                t("The server knows your name here, with whom you chat, and when."),
                t("Sign out to delete everything from this device. Download your data under Me."),
            )}`;
    }

    render() {
        if (this.topic === "contact") return this._contact();
        return this.topic === "privacy" ? this._privacy() : this._help();
    }
}
/** @param {string[]} all */
const lines = (...all) =>
    html`<ul class="plain-list">
        ${all.map((one) => html`<li>${one}</li>`)}
    </ul>`;
customElements.define("app-help", AppHelp);
