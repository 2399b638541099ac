<?php
// Amounts in units that people read: 12.06 TB rather than 12060 GB, and GiB where it is one.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Scale
{
    private const LETTERS = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

    /** @param int|null $base of what the unit is a power; null where whmeter did not say, so that only its name is known @param int|null $fixed the power of the unit that all is shown in */
    private function __construct(private ?int $base, private string $byte, private ?int $fixed)
    {
    }

    /** @param array $unit what whmeter says of its unit, and as "shown" the one that the product wants @param string $meter disk, or one of traffic */
    public static function of(array $unit, string $meter, Texts $texts): self
    {
        $bytes = $unit[$meter === 'disk' ? 'disk' : 'traffic'] ?? null;
        $power = self::power(Settings::unit());
        foreach ([1024, 1000] as $base) {
            if ($bytes === $base ** $power) {
                $shown = $unit['shown'] ?? null;
                return new self($base, $texts->get('byte'), is_string($shown) && $shown !== '' ? self::power($shown) : null);
            }
        }
        return new self(null, $texts->get('byte'), null);
    }

    public function text(float $value): string
    {
        [$factor, $unit] = $this->at($value);
        $value *= $factor;
        return ($value > 0 && $value < 0.005 ? '< 0.01' : number_format($value, 2, '.', '')) . " $unit";
    }

    /** @return array{float, string} what values have to be multiplied by where the largest is this, and the unit they are in then */
    public function at(float $largest): array
    {
        $own = self::power(Settings::unit());
        if ($this->base === null) {
            return [1.0, Settings::unit()];
        }
        $power = $own;
        if ($this->fixed !== null) {
            return [(float) $this->base ** ($own - $this->fixed), $this->named($this->fixed)];
        }
        while ($power < count(self::LETTERS) - 1 && $largest * $this->base ** ($own - $power) >= $this->base) {
            $power++;
        }
        // Nothing is nothing in every unit; what is less than a megabyte is little.
        while ($largest > 0 && $power > 2 && $largest * $this->base ** ($own - $power) < 1) {
            $power--;
        }
        return [(float) $this->base ** ($own - $power), $this->named($power)];
    }

    private function named(int $power): string
    {
        return self::LETTERS[$power] . ($this->base === 1024 ? 'i' : '') . $this->byte;
    }

    private static function power(string $unit): int
    {
        return (int) array_search($unit[0], self::LETTERS, true);
    }
}
