/**
 * Light, dark, and both with high contrast: classes of Compound on <html>. The client that shows us
 * says which (?theme=, then theme_change); otherwise the system does, and Compound's own media
 * queries follow it without a class.
 */

import { isFramed } from "./page.js";

const NAMES = /^(light|dark)(-high-contrast)?$/;

/** @param {string} name "light", "dark", "light-high-contrast" … as Element names them */
export function showTheme(name) {
    const found = NAMES.exec(name);
    const root = document.documentElement;
    root.classList.remove(...[...root.classList].filter((one) => one.startsWith("cpd-theme-")));
    if (found) root.classList.add(`cpd-theme-${found[1]}${found[2] ? "-hc" : ""}`);
}

/** @typedef {"" | "light" | "dark"} Choice empty: as the system has it */

const PLACE = "veche.theme";
const HIGH_CONTRAST = matchMedia("(prefers-contrast: more)");

/** Takes the theme from the address, where a client has put it; else what the person has chosen. */
export function useTheme() {
    const given = new URLSearchParams(location.search).get("theme");
    if (given !== null) return showTheme(given);
    showChoice();
    HIGH_CONTRAST.addEventListener("change", showChoice);
}

/** @returns {Choice} what the person has chosen on this device */
export function themeChoice() {
    if (isFramed) return "";
    try {
        const kept = localStorage.getItem(PLACE);
        return kept === "light" || kept === "dark" ? kept : "";
    } catch {
        return ""; // storage is refused
    }
}

/** @param {Choice} choice kept on this device */
export function chooseTheme(choice) {
    try {
        if (choice) localStorage.setItem(PLACE, choice);
        else localStorage.removeItem(PLACE);
    } catch {
        // Storage is refused: it holds until the page goes.
    }
    showChoice(choice);
}

/** @param {unknown} [choice] */
function showChoice(choice = themeChoice()) {
    const chosen = typeof choice === "string" ? choice : themeChoice();
    // A choice of the person's stands above the system's, but never takes its contrast away.
    showTheme(chosen && HIGH_CONTRAST.matches ? `${chosen}-high-contrast` : chosen);
}
