/**
 * Where the app shows what the pages show, and the other way round. Views know addresses of pages
 * alone; a press on one of those stays within the app if it has that view.
 *
 * @typedef {import("./route.js").Route} Route
 * @typedef {import("../cases/route.js").Route} ViewRoute
 */
import { routeOf as casesRoute } from "../cases/route.js";
import { meta, pagesOrigin } from "../kit/page.js";
import { walletRoute } from "../wallet/route.js";
import { hrefOf, routeOf } from "./route.js";

const PERSONAL = new Set(["wallet", "pay", "acts"]);

/**
 * Where a place of the app stands among the pages.
 * @param {Route} route
 * @returns {{feature: "cases" | "wallet", view: ViewRoute} | undefined} none: it is the app's own
 */
export function viewAt({ place, parts, search }) {
    const [first = ""] = parts;
    const encoded = parts.map(encodeURIComponent).join("/");
    if (place === "services")
        return {
            feature: "cases",
            view: casesRoute(`/${["services", encoded].filter(Boolean).join("/")}`, search),
        };
    if (place === "home" && first === "cases")
        return { feature: "cases", view: casesRoute(`/${encoded}`) };
    if (place !== "me" || !PERSONAL.has(first)) return undefined;
    if (first === "acts") return { feature: "cases", view: casesRoute("/acts") };
    // What is to be paid stands behind the #, which is ours here.
    if (first === "pay")
        return { feature: "wallet", view: { view: "link", fragment: parts[1] ?? "" } };
    if (!meta("veche-wallet")) return undefined;
    return { feature: "wallet", view: walletRoute(`/${encoded}`) };
}

/**
 * The place of the app for an address of a page.
 * @param {URL} url of this origin or of the pages'
 * @returns {string} a fragment, or empty: only a page of its own shows it
 */
export function placeOf({ pathname, search, hash }) {
    const [first = "", ...rest] = pathname.split("/").slice(1);
    if (!first) return hrefOf("home");
    if (first === "services") return `#${pathname}${search}`;
    if (first === "cases") return `#/home${pathname}`;
    if (first === "signin") return hrefOf("start");
    if (first === "pay") return hash ? hrefOf("me", "pay", hash.slice(1)) : "";
    const isHere = PERSONAL.has(first) && rest[0] !== "widget";
    return isHere ? `#/me${pathname}${search}` : "";
}

const CHAT = /^#\/([@!#][^?/]+)/;

/**
 * What a press on a link does within the app.
 * @param {URL} url
 * @returns {{place: string} | {open: string} | {chat: string} | undefined} chat: of a person, or a
 *   room; none: it is the browser's
 */
export function wayOf(url) {
    if (url.host === "matrix.to") {
        const [, whom] = CHAT.exec(url.hash) ?? [];
        return whom ? { chat: routeOf(whom).parts[0] ?? "" } : undefined;
    }
    const isOurs = url.origin === location.origin || url.origin === pagesOrigin();
    if (!isOurs || (url.origin === location.origin && url.pathname === "/" && url.hash))
        return undefined;
    const place = placeOf(url);
    return place ? { place } : { open: url.pathname + url.search + url.hash };
}
