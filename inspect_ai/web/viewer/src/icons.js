/** Icons as strokes on a 24 by 24 grid, drawn for this viewer. */
export const ICONS = {
  move: "M12 3v18M3 12h18M12 3l-3 3M12 3l3 3M12 21l-3-3M12 21l3-3M3 12l3-3M3 12l3 3M21 12l-3-3M21 12l-3 3",
  scroll: "M5 7l7-4 7 4-7 4zM5 12l7 4 7-4M5 17l7 4 7-4",
  window: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18zM12 3v18M12 7h6M12 11h9M12 15h8",
  measure: "M4 20L20 4M2.5 17l4.5 4.5M17 2.5L21.5 7M9.5 14.5l2 2M13.5 10.5l2 2",
  point: "M12 4v6M12 14v6M4 12h6M14 12h6",
  box: "M4 6h16v12H4z",
  circle: "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16z",
  freehand: "M5 15c-2-6 4-11 9-9s7 6 4 10-5 0-7 2-4 1-6-3z",
  erase: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  zoomIn: "M10 4a6 6 0 1 0 0 12a6 6 0 1 0 0-12zM15 15l5 5M10 7v6M7 10h6",
  zoomOut: "M10 4a6 6 0 1 0 0 12a6 6 0 1 0 0-12zM15 15l5 5M7 10h6",
  reset: "M5 12a7 7 0 1 0 2-5M7 3v4h4",
  invert: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 1 1 0 16",
  marks: "M10 8a6 6 0 1 0 0.1 0zM16.5 4.5l2-1.5v7",
  slab: "M4 6h16M4 12h16M4 18h16M12 3v18M9 6l3-3 3 3M9 18l3 3 3-3",
  planes: "M4 4h7v16H4zM13 4h7v7h-7zM13 13h7v7h-7z",
};
