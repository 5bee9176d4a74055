// CSV files lie beside the page. A page that was sent on alone carries them, too, compressed.

for (const link of window.DecompressionStream ? all("a[data-gzip]") : [])
  link.addEventListener("click", async event => {
    event.preventDefault();
    const packed = Uint8Array.from(atob(link.dataset.gzip), letter => letter.charCodeAt(0));
    const text = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const href = URL.createObjectURL(await new Response(text).blob());
    made("a", {href, download: link.download}).click();
    URL.revokeObjectURL(href);
  });
