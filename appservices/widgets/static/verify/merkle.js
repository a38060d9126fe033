/** Inclusion in Merkle trees of RFC 6962, as `veche.protocol.merkle` checks it. Pure. */
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
