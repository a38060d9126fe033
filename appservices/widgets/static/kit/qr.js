/** A QR code, drawn: dark on light in every theme, or cameras don't see it. */
import { html, svg } from "lit";
import { encodeQR } from "qr";

const BORDER = 4;

/**
 * @param {string | Uint8ClampedArray} content text, or bytes
 * @param {string} label what it is, for those who don't see it
 */
export function qrCode(content, label) {
    const isText = typeof content === "string";
    const text = isText ? content : String.fromCharCode(...content);
    const rows = encodeQR(text, "raw", {
        ecc: isText ? "medium" : "low",
        border: BORDER,
        ...(!isText && {
            encoding: "byte",
            textEncoder: (/** @type {string} */ one) =>
                Uint8Array.from(one, (character) => character.charCodeAt(0)),
        }),
    });
    const side = rows.length;
    const d = rows
        .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")))
        .join("");
    return html`<svg
        class="qr"
        role="img"
        aria-label=${label}
        viewBox="0 0 ${side} ${side}"
        shape-rendering="crispEdges"
    >
        ${svg`<rect width=${side} height=${side} fill="#fff"></rect><path fill="#000" d=${d}></path>`}
    </svg>`;
}
