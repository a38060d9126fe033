/** The round mark of a person: one letter and one colour, on every page the same. */
import { html } from "lit";

const COLOURS = 6;
const PRIME = 997;

/** @param {string} name @returns {string} the letter in a round mark */
export function initialOf(name) {
    return [...name.replace(/^@/, "")][0]?.toUpperCase() ?? "?";
}

/** @param {string} address of somebody @returns {string} the class of their colour */
export function colourOf(address) {
    const number = [...address].reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) % PRIME, 7);
    return `mark-${(number % COLOURS) + 1}`;
}

/**
 * A mark for somebody: the letter of their name, on their colour.
 * @param {{address: string, name: string}} party
 */
export function mark({ address, name }) {
    return html`<span class="mark ${colourOf(address || name)}" aria-hidden="true"
        >${initialOf(name || address)}</span
    >`;
}
