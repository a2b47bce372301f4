// While work is in progress, the page is fetched again and again; when it is done, the page is reloaded with its buttons.
(function () {
  const every = 2000;

  function refresh() {
    fetch(location.href, { credentials: "same-origin" })
      .then((response) => response.text())
      .then((text) => {
        const now = new DOMParser().parseFromString(text, "text/html").getElementById("watched");
        if (!now || !("atWork" in now.dataset)) {
          location.reload();
          return;
        }
        document.getElementById("watched").replaceChildren(...now.childNodes);
        setTimeout(refresh, every);
      })
      .catch(() => setTimeout(refresh, every));
  }

  setTimeout(refresh, every);
})();
