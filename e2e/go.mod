module esferry/e2e

go 1.26.8

require esferry v0.0.0

replace esferry => ../
