package plan

// Quantile95 is what the sum of two evenly spread times stays below.
var Quantile95 = quantile95
