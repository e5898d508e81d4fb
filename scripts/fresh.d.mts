export declare const root: string;
export declare const dist: string;
export declare function newest(path: string): number;
export declare function sourcesChanged(): number;
export declare function isFresh(): boolean;
