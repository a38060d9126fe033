/** The views of offices and cases, by their addresses: for the pages and for the app. */
import { html } from "lit";
import "./views/acts.js";
import "./views/case.js";
import "./views/home.js";
import "./views/official.js";
import "./views/service.js";
import "./views/services.js";
import "./views/unknown.js";

/** @typedef {import("./route.js").Route} Route */

/** @param {Route} route */
export function viewOf(route) {
    switch (route.view) {
        case "home":
            return html`<veche-home .route=${route}></veche-home>`;
        case "acts":
            return html`<veche-acts .route=${route}></veche-acts>`;
        case "official":
            return html`<veche-official .route=${route}></veche-official>`;
        case "services":
            return html`<veche-services .route=${route}></veche-services>`;
        case "service":
            return html`<veche-service .route=${route}></veche-service>`;
        case "case":
            return html`<veche-case .route=${route}></veche-case>`;
        default:
            return html`<veche-unknown .route=${route}></veche-unknown>`;
    }
}

/** @param {Route} route @returns {string} another one: another element */
export function keyOf(route) {
    if (route.view === "service") return `service ${route.office} ${route.service}`;
    if (route.view === "official") return `official ${route.organisation}`;
    return route.view === "case" ? `case ${route.id}` : route.view;
}
