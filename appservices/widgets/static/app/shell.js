/**
 * What stands around every place: the way between the four, what is wrong with connection, storage
 * or account, and where to find help.
 *
 * @typedef {import("./route.js").Place} Place
 * @typedef {import("./account/account.js").Account} Account
 */
import { html, nothing } from "lit";
import { isReachable } from "../kit/api.js";
import { banner, button } from "../kit/elements.js";
import { plural, t } from "../kit/i18n.js";
import { icon } from "../kit/icons.js";
import { takeOver } from "./account/relay.js";
import { storageWords } from "./account/storage_words.js";
import { noteLine } from "./elements/tool.js";
import { hrefOf } from "./route.js";

const MARK = new URL("../kit/icon.svg", import.meta.url).href;

/** @returns {[Place, string, string][]} place, mark, words */
const places = () => [
    ["chats", "chat", t("Chats")],
    ["home", "home", t("Home")],
    ["services", "search", t("Services")],
    ["me", "person", t("Me")],
];

/**
 * @param {Place} here
 * @param {Partial<Record<Place, number>>} counts what waits at each place
 * @param {boolean} isStranger
 */
export function rail(here, counts, isStranger) {
    const shown = places().filter(
        ([place]) => !isStranger || place === "home" || place === "services",
    );
    return html`<nav class="rail" aria-label=${t("Veche")}>
        <a class="brand" href=${hrefOf("home")}
            ><img src=${MARK} alt="" width="32" height="32" /><span>Veche</span></a
        >
        <ul>
            ${shown.map(([place, mark, words]) => {
                const count = counts[place] ?? 0;
                return html`<li>
                    <a href=${hrefOf(place)} aria-current=${place === here ? "page" : nothing}>
                        <span class="rail-mark"
                            >${icon(mark)}${count ? html`<span class="count-badge" aria-hidden="true">${count > 99 ? "99+" : count}</span>` : nothing}</span
                        >
                        <span>${words}</span>
                        ${count ? html`<span class="hidden-text">${plural("{count} new", "{count} new", count)}</span>` : nothing}
                    </a>
                </li>`;
            })}
            ${
                isStranger
                    ? html`<li>
                          <a
                              href=${hrefOf("start")}
                              aria-current=${here === "start" ? "page" : nothing}
                          >
                              <span class="rail-mark">${icon("plus")}</span
                              ><span>${t("Start")}</span>
                          </a>
                      </li>`
                    : nothing
            }
        </ul>
    </nav>`;
}

/**
 * @param {Account} account
 * @param {Place} here
 * @param {string} asker who wants to verify the person
 * @returns {unknown} what the person should know first
 */
export function notes(account, here, asker) {
    const { phase, session } = account;
    return html`<div class="notes" role="status">
        ${
            !navigator.onLine || !isReachable()
                ? noteLine(
                      "offline",
                      t(
                          "No connection. This page may be out of date; it goes on by itself when you are back.",
                      ),
                  )
                : nothing
        }
        ${asker && !location.hash.startsWith(hrefOf("chats", "verify")) ? noteLine("shield", askLink(asker, session?.userId)) : nothing}
        ${phase === "elsewhere" ? elsewhere() : nothing} ${phase === "lost" ? lost() : nothing}
        ${phase === "failed" && here !== "start" ? banner("critical", storageWords(account.error)) : nothing}
        ${
            session?.unfinished && here !== "start"
                ? noteLine(
                      "key",
                      html`${t("Save your recovery key: without it you lose everything with this device.")}
                          <a href=${hrefOf("start")}>${t("Save it now")}</a>`,
                  )
                : nothing
        }
    </div>`;
}

/** @param {string} asker @param {string} [me] */
function askLink(asker, me) {
    const words =
        asker === me
            ? t("Your other device wants to be confirmed")
            : t("{name} wants to verify you", { name: asker });
    return html`<a href=${hrefOf("chats", "verify", asker)}>${words}</a>`;
}

function elsewhere() {
    const take = button({ label: t("Use it here"), style: "secondary", press: takeOver });
    return noteLine("info", t("Veche is open in another tab. Your chats are there."), take);
}

function lost() {
    return banner(
        "critical",
        html`<p class="banner-title">${t("You were signed out")}</p>
            <p>
                ${t("This device was signed out from another one, or by the server. Sign in again; your recovery key brings your chats back.")}
            </p>
            <p>
                <a class="button primary" href=${hrefOf("start", "sign-in")}>${t("Sign in")}</a>
            </p>`,
    );
}

/** Help, contact and privacy: on every page. */
export function foot() {
    return html`<footer class="app-foot">
        <ul>
            <li><a href=${hrefOf("me", "help")}>${t("Help")}</a></li>
            <li><a href=${hrefOf("me", "contact")}>${t("Contact")}</a></li>
            <li><a href=${hrefOf("me", "privacy")}>${t("Privacy")}</a></li>
        </ul>
    </footer>`;
}
