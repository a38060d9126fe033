/** Me: the wallet, documents, keys and devices, settings, export, signing out. */
import { html, nothing } from "lit";
import {
    BusyElement,
    banner,
    button,
    closeDialog,
    dialog,
    linkRow,
    openDialog,
} from "../../kit/elements.js";
import { plural, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { colourOf, initialOf } from "../../kit/marks.js";
import { meta } from "../../kit/page.js";
import { end, forgetTab, session } from "../../kit/session.js";
import { save } from "../../kit/save.js";
import { call } from "../../kit/api.js";
import "../../kit/shell.js";
import { account, signOut, whenAccountChanges } from "../account/account.js";
import { countKept } from "../client/kept.js";
import { storageWords } from "../account/storage_words.js";
import { papers, paperRow, watchPapers } from "../elements/papers.js";
import "../elements/notifications.js";
import "../elements/read_back.js";
import { section } from "../elements/section.js";
import { hrefOf } from "../route.js";

const SIGN_OUT = "sign-out";

export class AppMe extends BusyElement {
    static properties = {
        topic: { attribute: false },
        unsent: { state: true },
        isUnconfirmed: { state: true },
    };

    constructor() {
        super();
        /** documents, settings, or empty */
        this.topic = "";
        this.unsent = 0;
        /** Others do not see yet that this device is the person's. */
        this.isUnconfirmed = false;
    }

    connectedCallback() {
        super.connectedCallback();
        this.keep(
            watchPapers(() => this.requestUpdate()),
            whenAccountChanges(() => void this._look()),
        );
        void this._look();
    }

    async _look() {
        this.requestUpdate();
        const { opened } = account();
        if (!opened) return;
        const { isVerified } = await import("../client/identity.js");
        this.isUnconfirmed = !(await isVerified(opened));
    }

    updated() {
        const detail = this.querySelector("h1")?.textContent ?? "";
        this.dispatchEvent(new CustomEvent("veche-title", { detail, bubbles: true }));
    }

    async _askSignOut() {
        this.unsent = await countKept();
        openDialog(SIGN_OUT);
    }

    async _signOut() {
        if (session()) await call("DELETE", "/_veche/sessions/v1/session").catch(() => {});
        end();
        forgetTab();
        await signOut();
        location.assign("/");
    }

    /** Everything of the person's cases, payments and chats that this app can read now, as one file. */
    async _export() {
        const { opened } = account();
        await (await import("../account/page_session.js")).ensureSession();
        const parts = /** @type {Record<string, unknown>} */ ({ person: session()?.person });
        parts.cases = (await call("GET", "/_veche/agency/v1/cases")).cases;
        if (meta("veche-wallet")) parts.wallet = await call("GET", "/_veche/wallet/v1/wallet");
        if (opened)
            parts.chats = await (await import("../client/history.js")).written(opened.client);
        const text = JSON.stringify(parts, null, 2);
        save(new Blob([text], { type: "application/json" }), "veche.json");
    }

    /** @param {string} href @param {string} name of an icon @param {string} title @param {string} meta */
    _row(href, name, title, meta) {
        const mark = html`<span class="row-mark">${icon(name)}</span>`;
        return linkRow({ href, mark, title, meta });
    }

    _overview() {
        const id = account().session?.userId ?? "";
        const name = id.slice(1).split(":")[0] ?? "";
        return html`<div class="me-head">
                <span class="mark big ${colourOf(id)}" aria-hidden="true">${initialOf(id)}</span>
                <div>
                    <h1 tabindex="-1"><bdi>${name}</bdi></h1>
                    <p class="secondary-text small"><bdi>${id}</bdi></p>
                </div>
            </div>
            <ul class="rows">
                ${this.isUnconfirmed ? this._row(hrefOf("start", "sign-in"), "shield", t("Confirm this device"), t("By your recovery key, or from another device")) : nothing}
                ${meta("veche-wallet") ? this._row("/wallet", "pay", t("Wallet"), t("Balance, payments, mandates, limits")) : nothing}
                ${this._row(hrefOf("me", "documents"), "document", t("Documents"), t("To sign, signed, and issued to you"))}
                ${this._row("/keys", "key", t("Keys and sessions"), t("What approves in your name"))}
                ${this._row(hrefOf("me", "acts"), "info", t("Who did what"), t("Every act of an office about you"))}
                ${this._row(hrefOf("me", "settings"), "person", t("Settings"), t("Language, appearance, notifications"))}
                ${this._row(hrefOf("me", "help"), "help", t("Help"), t("How it works, contact, privacy"))}
            </ul>
            ${this.error ? banner("critical", this.error) : nothing}
            <app-read-back
                .label=${t("Download my data")}
                .done=${() =>
                    this.doOne(
                        () => this._export(),
                        () => t("The file was not made: the service can't be reached. Try again."),
                    )}
            ></app-read-back>
            <div class="actions">
                ${button({ label: html`${icon("leave")}<span>${t("Sign out")}</span>`, style: "secondary", press: () => void this._askSignOut() })}
            </div>
            ${dialog({
                id: SIGN_OUT,
                title: t("Sign out?"),
                content: html`<p>
                        ${t("Your chats leave this device. To read them again, you need your passphrase and your recovery key.")}
                    </p>
                    ${
                        this.unsent
                            ? html`<p>
                                  ${plural("{count} message that you wrote is not sent yet. It will be deleted.", "{count} messages that you wrote are not sent yet. They will be deleted.", this.unsent)}
                              </p>`
                            : nothing
                    }`,
                actions: html`${button({ label: t("Sign out"), style: "danger", is_busy: this.isBusy, press: () => void this.doOne(() => this._signOut(), storageWords) })}
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
            <app-read-back
                .label=${t("Look for older documents")}
                .isOffices=${true}
                @veche-read=${() => this.requestUpdate()}
            ></app-read-back>
            ${
                all.length
                    ? nothing
                    : html`<section class="empty">
                          ${icon("document")}
                          <p class="empty-title">${t("No documents yet")}</p>
                          <p class="secondary-text">
                              ${t("Documents that you sign, or that an office issues to you, are kept here.")}
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
