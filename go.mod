module cleave

go 1.26
