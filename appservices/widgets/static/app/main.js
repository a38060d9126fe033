/**
 * The app: one document with four places, and a client that is loaded when it is first needed. What
 * stands in a place is loaded when one comes there.
 */
import { html, nothing, render } from "lit";
import { keyed } from "lit/directives/keyed.js";
import { setClock } from "../cases/now.js";
import { whenReachable } from "../kit/api.js";
import { spinner } from "../kit/elements.js";
import { t, useLanguage, whenLanguageChanges } from "../kit/i18n.js";
import { isOurBot } from "../kit/page.js";
import { session, whenChanged } from "../kit/session.js";
import { useTheme } from "../kit/theme.js";
import { account, enterAccount, openKept, whenAccountChanges } from "./account/account.js";
import { whenTakenOver } from "./account/relay.js";
import { keepReturn, takeLogin, takeReturn } from "./account/returning.js";
import { asker, counts, watchCounts } from "./counts.js";
import { placeOf, viewAt, wayOf } from "./places.js";
import { loadCards } from "./registry.js";
import { hrefOf, routeOf } from "./route.js";
import { foot, notes, rail } from "./shell.js";
import { startWorker } from "./worker.js";

/** @typedef {import("./route.js").Route} Route */

const NAME = "Veche";
const PERSON = /^@/;

/**
 * A module and what it looks like, loaded together.
 * @param {() => Promise<any>} load
 * @param {string} sheet
 */
function styled(load, sheet) {
    return async () => {
        const href = new URL(sheet, import.meta.url).href;
        if (!document.querySelector(`link[href="${href}"]`)) {
            const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
            const isThere = new Promise((resolve) => {
                for (const name of ["load", "error"]) link.addEventListener(name, resolve);
            });
            document.head.append(link);
            await isThere;
        }
        return load();
    };
}

/** @type {Record<string, () => Promise<any>>} */
const PLACES = {
    start: () => import("./views/start.js"),
    home: styled(() => import("./views/home.js"), "../wallet/wallet.css"),
    town: () => import("./views/town.js"),
    chats: styled(() => import("./views/chats.js"), "./chats.css"),
    me: styled(() => import("./views/me.js"), "../wallet/wallet.css"),
    open: () => import("./views/open.js"),
    help: () => import("./views/help.js"),
    cases: styled(() => import("../cases/shown.js"), "../verify/acts.css"),
    wallet: styled(() => import("../wallet/shown.js"), "../wallet/wallet.css"),
};
/** @type {Map<string, any>} modules of places by name, once they are loaded */
const loaded = new Map();
/** Of steps: the same place again begins anew. */
let step = 0;

/** @param {Route} route @returns {string} which of the modules draws it */
function moduleOf({ place, parts }) {
    const isStranger = ["none", "lost"].includes(account().phase);
    if (place === "me" && ["help", "contact", "privacy"].includes(parts[0] ?? "")) return "help";
    if (place === "home" || place === "unknown") return isStranger ? "town" : "home";
    return isStranger && (place === "chats" || place === "me") ? "start" : place;
}

/** @param {Route} route */
function viewOf(route) {
    const at = viewAt(route);
    const name = at?.feature ?? moduleOf(route);
    const module = loaded.get(name);
    if (!module) {
        PLACES[name]?.().then(
            (found) => (loaded.set(name, found), draw()),
            () => (loaded.set(name, {}), draw()),
        );
        return waiting();
    }
    if (at) {
        const isPersonal = at.view.view !== "services" && at.view.view !== "service";
        if (!session() && (isPersonal ? isComing() : isComingSoon())) return waiting();
        return keyed(`${step} ${module.keyOf(at.view)}`, module.viewOf(at.view));
    }
    const { parts } = route;
    switch (name) {
        case "start":
            return html`<app-start .topic=${parts[0] ?? ""} @veche-begun=${begun}></app-start>`;
        case "town":
            return html`<app-town></app-town>`;
        case "home":
            return session() || !isComing() ? html`<app-home></app-home>` : waiting();
        case "chats":
            if (account().phase !== "ready") return waiting();
            return html`<app-chats .parts=${parts}></app-chats>`;
        case "me":
            return html`<app-me .topic=${parts[0] ?? ""}></app-me>`;
        case "open":
            return html`<app-open .path=${parts[0] ?? ""} .words=${parts[1] ?? ""}></app-open>`;
        default:
            return html`<app-help .topic=${parts[0] ?? "help"}></app-help>`;
    }
}

/** Whether a session will be there in a moment. */
const isComing = () => ["opening", "ready", "elsewhere"].includes(account().phase);
/** The same where a stranger sees something, too: nothing jumps while the client opens. */
const isComingSoon = () => account().phase === "opening";

const waiting = () =>
    html`<h1 class="hidden-text" tabindex="-1">${NAME}</h1>
        ${account().phase === "failed" ? nothing : spinner()}`;

function draw() {
    const route = routeOf(location.hash);
    const { place } = route;
    const isStranger = ["none", "lost"].includes(account().phase);
    document.body.classList.toggle("in-chat", place === "chats" && Boolean(route.parts[0]));
    render(
        html`<a class="skip-link" href="#main">${t("To the content")}</a>
            ${rail(place, counts(), isStranger)}
            <div class="stage">
                ${notes(account(), place, asker())}
                <main
                    id="main"
                    tabindex="-1"
                    @veche-title=${(/** @type {CustomEvent} */ { detail }) => titled(detail)}
                    @veche-go=${(/** @type {CustomEvent} */ { detail }) => go(detail.href, detail.state)}
                    @veche-place=${(/** @type {CustomEvent} */ { detail }) =>
                        history.replaceState(
                            history.state,
                            "",
                            placeOf(new URL(detail, location.origin)),
                        )}
                >
                    ${viewOf(route)}
                </main>
                ${foot()}
            </div>
            ${nothing}`,
        document.body,
    );
    document.body.classList.toggle("in-chats", Boolean(document.querySelector("app-chats")));
}

/** @param {string} title */
function titled(title) {
    document.title = `${title} · ${NAME}`;
    settle();
}

let isLanding = false;

/** The heading of what one came to takes the focus, unless the person has put it elsewhere. */
function settle() {
    const heading = document.querySelector(/** @type {"h1"} */ ("main h1"));
    if (!isLanding || !heading || heading.classList.contains("hidden-text")) return;
    const { activeElement } = document;
    const isElsewhere = activeElement?.closest("main") && activeElement.tagName !== "MAIN";
    if (!isElsewhere) heading.focus({ preventScroll: true });
}

/** @param {string} href of a page, or a fragment @param {Record<string, unknown>} [state] */
function go(href, state = {}) {
    const fragment = href.startsWith("#") ? href : placeOf(new URL(href, location.origin));
    if (!fragment) return;
    history.pushState(state, "", fragment);
    came();
}

function came() {
    step += 1;
    isLanding = true;
    window.scrollTo({ top: 0, behavior: "instant" });
    draw();
    requestAnimationFrame(settle);
}

/** The account is complete: back to where the person was, and the session begins meanwhile. */
function begun() {
    if (routeOf(location.hash).place !== "start") return; // it was said before
    go(takeReturn() || hrefOf("home"));
}

/** @param {string} whom a person or a room */
async function chat(whom) {
    const { opened } = account();
    if (!opened) return go(hrefOf("start"));
    if (!isOurBot(whom)) return go(hrefOf("chats", ...(PERSON.test(whom) ? ["with"] : []), whom));
    const { direct } = await import("./client/rooms.js");
    go(hrefOf("chats", await direct(opened.client, whom)));
}

/** @param {MouseEvent} event */
function pressed(event) {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || link.hasAttribute("download")) return;
    const way = wayOf(new URL(link.href));
    if (!way) return;
    event.preventDefault();
    if ("chat" in way) void chat(way.chat);
    else if ("open" in way) window.open(`/${hrefOf("open", way.open)}`, "_blank", "noopener");
    else {
        if (way.place.startsWith(hrefOf("start"))) keepReturn({ back: location.hash });
        go(way.place);
    }
}

/** What only somebody with an account needs. */
async function withAccount() {
    if (account().phase === "none")
        await new Promise((resolve) => {
            const stop = whenAccountChanges(() => {
                stop();
                resolve(undefined);
            });
        });
    const [{ takeBotInvitations }, { keepSigned }] = await Promise.all([
        import("./account/invitations.js"),
        import("./account/page_session.js"),
    ]);
    keepSigned();
    takeBotInvitations();
}

/** An invitation, or an address of a page that leads here: into the fragment with it. */
function tidyAddress() {
    const token = /^#invite=([A-Za-z0-9._~-]{1,64})$/.exec(location.hash)?.[1];
    if (token) history.replaceState(null, "", `/${hrefOf("start", token)}`);
    if (location.pathname === "/") return;
    history.replaceState(null, "", `/${placeOf(new URL(location.href))}`);
}

useTheme();
const login = takeLogin();
tidyAddress();
await Promise.all([useLanguage(), setClock()]);
for (const tell of [whenLanguageChanges, whenAccountChanges, whenChanged, whenReachable])
    tell(draw);
for (const name of ["online", "offline"]) window.addEventListener(name, draw);
window.addEventListener("hashchange", (event) => {
    // A press on one's own link has drawn it already.
    if (event.oldURL !== event.newURL) came();
});
document.addEventListener("click", pressed);
watchCounts(draw);
draw();
whenTakenOver(() => {
    if (account().phase === "ready") location.reload();
});
void startWorker();
void withAccount();
const [isRefused] = await Promise.all([
    login
        ? enterAccount(login.base, { type: "m.login.token", token: login.token }).then(
              () => false,
              () => true,
          )
        : openKept().then(() => false),
    loadCards(),
]);
if (isRefused) go(hrefOf("start", "sign-in"), { isRefused });
else if (account().session?.unfinished || login) go(hrefOf("start"));
