/**
 * Shows the HTML of other people's messages: the tags and attributes that Matrix 1.18 allows
 * (client-server API, "m.room.message msgtypes"), and nothing besides.
 */
import createPurify from "dompurify";
import { decoded, hrefOf } from "./route.js";

const TAGS =
    "del h1 h2 h3 h4 h5 h6 blockquote p a ul ol sup sub li b i u strong em s code hr br div table " +
    "thead tbody tr th td caption pre span img details summary";
const COLOUR = /^#[0-9a-f]{6}$/i;
const NUMBER = /^\d{1,9}$/;
const ANY = /^/;
/** By tag the attributes, and what each must look like. Not `target`: we set that. @type {Record<string, Record<string, RegExp>>} */
const ATTRIBUTES = {
    span: {
        "data-mx-bg-color": COLOUR,
        "data-mx-color": COLOUR,
        "data-mx-spoiler": ANY,
        "data-mx-maths": ANY,
    },
    a: { href: /^(?:https?|ftp|mailto|magnet):/i },
    img: { src: /^mxc:\/\/[^/?#]+\/[\w-]+$/, alt: ANY, title: ANY, width: NUMBER, height: NUMBER },
    ol: { start: NUMBER },
    code: { class: /^language-[\w-]+$/ },
    div: { "data-mx-maths": ANY },
};
const NAMES = [...new Set(Object.values(ATTRIBUTES).flatMap((one) => Object.keys(one)))];
const CONFIG = {
    ALLOWED_TAGS: TAGS.split(" "),
    ALLOWED_ATTR: NAMES,
    ALLOWED_URI_REGEXP: /^(?:https?|ftp|mailto|magnet|mxc):/i,
    // Or else that expression is asked of every value, and throws start="5" away.
    ADD_URI_SAFE_ATTR: NAMES.filter((name) => name !== "href" && name !== "src"),
    FORBID_CONTENTS: [
        ...["mx-reply", "script", "style", "template", "svg", "math", "iframe"],
        ...["textarea", "title"],
    ],
    RETURN_DOM_FRAGMENT: /** @type {const} */ (true),
};
/** Matrix asks clients to stop at 100 levels. */
const TOO_DEEP = Array(101).fill("*").join(">");
const SIDE_MAX = 800;
const IMAGES_MAX = 30;
const PERSON = /^https:\/\/matrix\.to\/#\/(@[^/?]+:[^/?]+)/;

const purify = createPurify(window);
purify.addHook("uponSanitizeAttribute", (element, data) => {
    const allowed = ATTRIBUTES[element.localName]?.[data.attrName];
    data.keepAttr = Boolean(allowed?.test(data.attrValue));
});

/**
 * @param {string} source of somebody's message
 * @param {(mxc: string) => Promise<string>} media gives a blob: address, as media needs our token
 * @returns {DocumentFragment} to put into the page
 */
export function readable(source, media) {
    const fragment = purify.sanitize(source, CONFIG);
    for (const deep of fragment.querySelectorAll(TOO_DEEP))
        deep.replaceWith(deep.textContent ?? "");
    for (const link of fragment.querySelectorAll("a")) useLink(link);
    // Never a style attribute: our policy would refuse it. The object model may.
    for (const { style, dataset } of fragment.querySelectorAll("span")) {
        style.color = dataset.mxColor ?? "";
        style.backgroundColor = dataset.mxBgColor ?? "";
    }
    for (const spoiler of fragment.querySelectorAll("[data-mx-spoiler]")) hide(spoiler);
    for (const [at, img] of fragment.querySelectorAll("img").entries())
        if (at < IMAGES_MAX) useImage(img, media);
        else img.replaceWith(img.alt);
    return fragment;
}

/** @param {HTMLAnchorElement} link */
function useLink(link) {
    const person = PERSON.exec(link.getAttribute("href") ?? "")?.[1];
    if (person) {
        link.href = hrefOf("chats", "with", decoded(person));
        link.className = "person-link";
        return;
    }
    Object.assign(link, { target: "_blank", rel: "noopener noreferrer" });
}

/** Hides a spoiler until it is pressed. @param {Element} spoiler */
function hide(spoiler) {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = spoiler.getAttribute("data-mx-spoiler") || "…";
    details.className = "spoiler";
    spoiler.replaceWith(details);
    details.append(summary, spoiler);
}

/** @param {HTMLImageElement} img @param {(mxc: string) => Promise<string>} media */
function useImage(img, media) {
    const mxc = img.getAttribute("src");
    img.removeAttribute("src");
    for (const side of /** @type {const} */ (["width", "height"]))
        if (img.hasAttribute(side)) img[side] = Math.min(Number(img.getAttribute(side)), SIDE_MAX);
    if (!mxc) return img.replaceWith(img.alt);
    media(mxc).then(
        (address) => (img.src = address),
        () => img.replaceWith(img.alt),
    );
}
