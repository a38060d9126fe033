/**
 * Addresses of the pages in a tab, as values.
 *
 * @typedef {{view: "home"}
 *   | {view: "services", q: string, office: string}
 *   | {view: "service", office: string, service: string}
 *   | {view: "case", id: string}
 *   | {view: "acts"}
 *   | {view: "official", organisation: string}
 *   | import("../wallet/route.js").WalletRoute
 *   | {view: "unknown"}} Route
 */

const CASE = /^\/cases\/([0-9A-HJKMNP-TV-Z]{26})$/;
const OFFICIAL = /^\/official(?:\/([^/]{1,255}))?$/;
const SERVICE = /^\/services\/([^/]{1,255})\/([^/]{1,255})$/;

/** @param {string} part @returns {string} the part itself if it is badly encoded */
function decoded(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

/**
 * @param {string} path such as "/cases/01J…"
 * @param {string} [search] what follows it, such as "?q=copy"
 * @returns {Route}
 */
export function routeOf(path, search = "") {
    const plain = path.length > 1 ? path.replace(/\/$/, "") : path;
    if (plain === "/") return { view: "home" };
    if (plain === "/acts") return { view: "acts" };
    if (plain === "/services") {
        const query = new URLSearchParams(search);
        return { view: "services", q: query.get("q") ?? "", office: query.get("office") ?? "" };
    }
    const official = OFFICIAL.exec(plain);
    if (official) return { view: "official", organisation: decoded(official[1] ?? "") };
    const ofCase = CASE.exec(plain);
    if (ofCase?.[1]) return { view: "case", id: ofCase[1] };
    const ofService = SERVICE.exec(plain);
    if (ofService?.[1] && ofService[2])
        return {
            view: "service",
            office: decoded(ofService[1]),
            service: decoded(ofService[2]),
        };
    return { view: "unknown" };
}

/** @param {Route} route @returns {string} */
export function hrefOf(route) {
    switch (route.view) {
        case "services": {
            const query = new URLSearchParams();
            if (route.q) query.set("q", route.q);
            if (route.office) query.set("office", route.office);
            return query.size ? `/services?${query}` : "/services";
        }
        case "service":
            return `/services/${encodeURIComponent(route.office)}/${encodeURIComponent(route.service)}`;
        case "case":
            return `/cases/${route.id}`;
        case "acts":
            return "/acts";
        case "official":
            return `/official${route.organisation && `/${encodeURIComponent(route.organisation)}`}`;
        default:
            return "/";
    }
}
