package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// take pictures the page from its top.
func (c *camera) take(width int64) (image.Image, error) {
	height, err := chromedp.Run(c.page, chromedp.Evaluate[int](`Math.ceil(document.body.getBoundingClientRect().bottom)`))
	if err != nil {
		return nil, err
	}
	if c.height > 0 {
		height = min(height, c.height)
	}
	beyond, scale := true, 1.0
	if width <= phoneWidth {
		scale = 2 // as a phone has it
	}
	shot, err := chromedp.Call(c.page, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: &beyond, Clip: &page.Viewport{Width: float64(width), Height: float64(height), Scale: scale},
	})
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(shot.Data))
}

// write writes a picture with few colours, which are all that a page has but for
// the edges of its letters: that takes a third of the space.
func (c *camera) write(name string, picture image.Image) error {
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, fewColours(picture)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.out, name+".png"), out.Bytes(), 0o644)
}

// fewColours leaves out colours that are nearly the same as more frequent ones.
func fewColours(picture image.Image) *image.Paletted {
	bounds, counts := picture.Bounds(), map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	palette := paletteOf(counts)
	nearest := map[color.RGBA]uint8{}
	for colour := range counts {
		nearest[colour] = uint8(palette.Index(colour))
	}
	out := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			out.SetColorIndex(x, y, nearest[at(x, y)])
		}
	}
	return out
}

// mostColours is how many colours a palette can have.
const mostColours = 256

// paletteOf chooses the most frequent colours. Of similar colours, it takes one.
func paletteOf(counts map[color.RGBA]int) (palette color.Palette) {
	alike := map[[3]uint8]bool{}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	for _, c := range colours {
		about := [3]uint8{c.R >> 4, c.G >> 4, c.B >> 4}
		if frequent := counts[c] > 2000; (frequent || !alike[about]) && len(palette) < mostColours {
			alike[about] = true
			palette = append(palette, c)
		}
	}
	return palette
}
