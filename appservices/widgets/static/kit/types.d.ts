export interface CaseCard {
    v: 1;
    id: string;
    service: string;
    state: string;
    office: string;
    clock?: { due_at_ms: number; rule: string } | null;
    step?: string | null;
    history_len: number;
    sealed?: boolean | null;
}
export interface Prompt {
    v: 1;
    id: string;
    scope: string[];
    single_use?: boolean;
    expires_at_ms: number;
    min_trust?: string;
    choices?: {
        id: string;
        label: string;
        style?: string | null;
        approve?: { nonce: string } | null;
    }[];
    form?: any;
    url?: string | null;
    closed?: string | null;
    chosen?: string | null;
    twin?: string | null;
}
export interface IssuedDocument {
    v: 1;
    id: string;
    kind: string;
    title: string;
    sha256: string;
    file?: any;
    issuer: string;
    valid_until_ms?: number | null;
    status_list?: string | null;
}
