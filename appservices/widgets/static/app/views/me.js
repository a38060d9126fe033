/** Me: the wallet, documents, keys and devices, settings, export, signing out. */
import { html, nothing } from "lit";
import {
    VecheElement,
    banner,
    button,
    closeDialog,
    dialog,
    openDialog,
} from "../../kit/elements.js";
import { t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { colourOf, initialOf } from "../../kit/marks.js";
import { meta } from "../../kit/page.js";
import { end, forgetTab, session } from "../../kit/session.js";
import { save } from "../../kit/save.js";
import { call } from "../../kit/api.js";
import "../../kit/shell.js";
import { account, signOut } from "../account/account.js";
import { papers, paperRow, watchPapers } from "../elements/papers.js";
import "../elements/notifications.js";
import { hrefOf } from "../route.js";
import { section } from "./home.js";

const SIGN_OUT = "sign-out";

export class AppMe extends VecheElement {
    static properties = {
        /** documents, settings, or empty */
        topic: { attribute: false },
        isBusy: { state: true },
        error: { state: true },
        isConfirmed: { state: true },
    };

    constructor() {
        super();
        this.topic = "";
        this.isBusy = false;
        this.error = "";
        /** Whether this device is confirmed as the person's, or nobody knows yet. */
        this.isConfirmed = true;
    }

    connectedCallback() {
        super.connectedCallback();
        this._unwatch = watchPapers(() => this.requestUpdate());
        void this._look();
    }

    async _look() {
        const { opened } = account();
        const { isVerified } = await import("../client/identity.js");
        if (opened) this.isConfirmed = await isVerified(opened);
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this._unwatch?.();
    }

    updated() {
        const detail = this.querySelector("h1")?.textContent ?? "";
        this.dispatchEvent(new CustomEvent("veche-title", { detail, bubbles: true }));
    }

    async _signOut() {
        if (this.isBusy) return;
        this.isBusy = true;
        if (session()) await call("DELETE", "/_veche/sessions/v1/session").catch(() => {});
        end();
        forgetTab();
        await signOut();
        location.assign("/");
    }

    /** Everything of the person's cases and payments that this app can read now, as one file. */
    async _export() {
        if (this.isBusy) return;
        Object.assign(this, { isBusy: true, error: "" });
        try {
            const parts = /** @type {Record<string, unknown>} */ ({ person: session()?.person });
            parts.cases = (await call("GET", "/_veche/agency/v1/cases")).cases;
            if (meta("veche-wallet")) parts.wallet = await call("GET", "/_veche/wallet/v1/wallet");
            save(
                new Blob([JSON.stringify(parts, null, 2)], { type: "application/json" }),
                "veche.json",
            );
        } catch {
            this.error = t("The file was not made: the service can't be reached. Try again.");
        } finally {
            this.isBusy = false;
        }
    }

    _name() {
        return account().session?.userId ?? "";
    }

    /** @param {string} href @param {string} mark @param {string} title @param {string} text */
    _row(href, mark, title, text) {
        return html`<li>
            <a class="row" href=${href}>
                <span class="row-mark">${icon(mark)}</span>
                <span class="row-main">
                    <span class="row-title">${title}</span>
                    <span class="row-meta">${text}</span>
                </span>
                ${icon("next")}
            </a>
        </li>`;
    }

    _overview() {
        const id = this._name();
        const name = id.slice(1).split(":")[0] ?? "";
        return html`<div class="me-head">
                <span class="mark big ${colourOf(id)}" aria-hidden="true">${initialOf(id)}</span>
                <div>
                    <h1 tabindex="-1"><bdi>${name}</bdi></h1>
                    <p class="secondary-text small"><bdi>${id}</bdi></p>
                </div>
            </div>
            <ul class="rows">
                ${this.isConfirmed ? nothing : this._row(hrefOf("start"), "shield", t("Confirm this device"), t("Read your earlier messages with your recovery key"))}
                ${meta("veche-wallet") ? this._row("/wallet", "pay", t("Wallet"), t("Balance, payments, mandates, limits")) : nothing}
                ${this._row(hrefOf("me", "documents"), "document", t("Documents"), t("To sign, signed, and issued to you"))}
                ${this._row("/keys", "key", t("Keys and sessions"), t("What approves in your name"))}
                ${this._row(hrefOf("me", "acts"), "info", t("Who did what"), t("Every act of an office about you"))}
                ${this._row(hrefOf("me", "settings"), "person", t("Settings"), t("Language, appearance, notifications"))}
                ${this._row(hrefOf("me", "help"), "help", t("Help"), t("How it works, contact, privacy"))}
            </ul>
            ${this.error ? banner("critical", this.error) : nothing}
            <div class="actions">
                ${button({ label: t("Download my data"), style: "secondary", is_busy: this.isBusy, press: () => void this._export() })}
                ${button({ label: html`${icon("leave")}<span>${t("Sign out")}</span>`, style: "secondary", press: () => openDialog(SIGN_OUT) })}
            </div>
            ${dialog({
                id: SIGN_OUT,
                title: t("Sign out?"),
                content: html`<p>
                    ${t("Your chats leave this device. To read them again, you need your passphrase and your recovery key.")}
                </p>`,
                actions: html`${button({ label: t("Sign out"), style: "danger", is_busy: this.isBusy, press: () => void this._signOut() })}
                ${button({ label: t("Stay"), style: "secondary", press: () => closeDialog(SIGN_OUT) })}`,
            })}`;
    }

    _documents() {
        const { opened } = account();
        const all = opened ? papers(opened.client) : [];
        const waiting = all.filter(({ isWaiting }) => isWaiting);
        const rest = all.filter(({ isWaiting }) => !isWaiting);
        return html`${crumb()}
            <h1 tabindex="-1">${t("Documents")}</h1>
            ${section("to-sign", t("To sign"), waiting.map(paperRow))}
            ${section("signed", t("Signed and issued"), rest.map(paperRow))}
            ${
                all.length
                    ? nothing
                    : html`<section class="empty">
                          ${icon("document")}
                          <p class="empty-title">${t("No documents yet")}</p>
                          <p class="secondary-text">
                              ${t("What an office issues to you, and what you sign, is kept here.")}
                          </p>
                      </section>`
            }
            <p class="actions">
                <a class="button secondary" href="/sign/new">${t("Have a document signed")}</a>
                <a class="button secondary" href=${hrefOf("services")}>${t("Find a service")}</a>
            </p>`;
    }

    _settings() {
        return html`${crumb()}
            <h1 tabindex="-1">${t("Settings")}</h1>
            <veche-foot></veche-foot>
            <app-notifications></app-notifications>`;
    }

    render() {
        if (this.topic === "documents") return this._documents();
        if (this.topic === "settings") return this._settings();
        return this._overview();
    }
}

const crumb = () =>
    html`<p class="crumb"><a href=${hrefOf("me")}>${icon("back")}${t("Me")}</a></p>`;
customElements.define("app-me", AppMe);
