"use client";
export function Import() { return <h1>Import and export</h1>; }
