/** Proofs in Merkle trees of RFC 6962, as `veche.transparency.merkle` checks them. Pure. */
import { isSame, sha256 } from "./bytes.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** @param {number} number half of it, without the rest; numbers here may be above 2^32 */
const half = (number) => Math.floor(number / 2);

/**
 * @param {Uint8Array} root
 * @param {Uint8Array} entry
 * @param {number} index of the entry
 * @param {number} size of the tree
 * @param {Uint8Array[]} path from the entry upwards
 * @returns {Promise<boolean>} whether the entry is there
 */
export async function isIncluded(root, entry, index, size, path) {
    if (index < 0 || index >= size) return false;
    let node = await sha256(LEAF, entry);
    let at = index;
    let last = size - 1;
    for (const sibling of path) {
        if (last === 0) return false;
        if (at % 2 === 1 || at === last) {
            node = await sha256(NODE, sibling, node);
            while (at % 2 === 0 && at > 0) {
                at = half(at);
                last = half(last);
            }
        } else node = await sha256(NODE, node, sibling);
        at = half(at);
        last = half(last);
    }
    return last === 0 && isSame(node, root);
}

/**
 * @typedef {{size: number, root: Uint8Array}} Tree
 * @param {Tree} old with at least one entry
 * @param {Tree} newer
 * @param {Uint8Array[]} path
 * @returns {Promise<boolean>} whether the newer tree begins with the old one
 */
export async function isExtended(old, newer, path) {
    if (old.size < 1 || old.size > newer.size) return false;
    if (old.size === newer.size) return !path.length && isSame(old.root, newer.root);
    let at = old.size - 1;
    let last = newer.size - 1;
    while (at % 2 === 1) [at, last] = [half(at), half(last)];
    // A whole tree is its own first node.
    const [first, ...nodes] = at ? path : [old.root, ...path];
    if (!first) return false;
    let [one, other] = [first, first];
    for (const node of nodes) {
        if (last === 0) return false;
        if (at % 2 === 1 || at === last) {
            one = await sha256(NODE, node, one);
            other = await sha256(NODE, node, other);
            while (at % 2 === 0 && at > 0) [at, last] = [half(at), half(last)];
        } else other = await sha256(NODE, other, node);
        [at, last] = [half(at), half(last)];
    }
    return last === 0 && isSame(one, old.root) && isSame(other, newer.root);
}
