# Words of the site that this pack says in another way.
map-note = Simplified boundaries of 2018 without a map review number, for use inside the office only.
search-hint = Name, number or pinyin
