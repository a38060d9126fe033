/**
 * Whether a name looks like another, as a homeserver's name guard sees it, in short: equal letters,
 * or all its words in their order. Pure.
 */
const NAME_MAX = 256;
const HIDDEN = /[\p{M}\p{Default_Ignorable_Code_Point}]/gu;
const WORDS = /[\p{L}\p{N}]+/gu;
/** What each is taken for, capitals and small letters together. */
const SEEN = {
    ...{ a: "аαɑ@4", b: "вβьъ86", c: "сϲ", d: "ԁ", e: "еєεҽ", f: "ғ", g: "ɡԍ", h: "нһ" },
    ...{ i: "іιıl1|ӏj", k: "кκ", m: "мϻ", n: "ոηп", o: "оοσ0", p: "рρ", q: "ԛ", r: "гɍ" },
    ...{ s: "ѕ$5", t: "тτ", u: "υսи", v: "ѵν", w: "ωшщԝ", x: "хχ", y: "уүγ", 3: "зэ" },
};
const LOOKS = new Map(
    Object.entries(SEEN).flatMap(([seen, others]) =>
        [...others].map((other) => /** @type {const} */ ([other, seen])),
    ),
);

/** @type {Map<string, string>} protected names come again and again */
const known = new Map();

/** @param {string} name @returns {string} its words, as the eye sees them, each between spaces */
function seen(name) {
    const shown = name.slice(0, NAME_MAX).normalize("NFKD").replace(HIDDEN, "").toLowerCase();
    const letters = [...shown].map((letter) => LOOKS.get(letter) ?? letter).join("");
    return ` ${(letters.match(WORDS) ?? []).join(" ")} `;
}

/**
 * @param {string} name
 * @param {string} other
 */
export function looksLike(name, other) {
    const [shown, wanted] = [seen(name), known.get(other) ?? seen(other)];
    known.set(other, wanted);
    if (!wanted.trim()) return false;
    return shown.includes(wanted) || shown.replaceAll(" ", "") === wanted.replaceAll(" ", "");
}
