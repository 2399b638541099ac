<?php
// What was sold with a service: its product's sizes, its configurable options, and how many of it.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class SoldLimits
{
    /**
     * @param array<string, int> $limits bytes by meter, 0 for no limit; what is not known is absent
     * @param string[] $unread what was written and is no size, said for the operator
     * @param int|null $warnAt the percentage of the limit to be reported, where the product names one
     */
    private function __construct(public readonly array $limits, public readonly array $unread, public readonly ?int $warnAt)
    {
    }

    public static function of(object $service, object $product, ChosenOptions $options): self
    {
        $id = (int) $service->id;
        [$limits, $unread] = ProductLimits::read($product);
        [$warnAt, $wrong] = ProductLimits::warnAt($product);
        $name = Stored::text($product->name ?? '');
        $said = array_map(static fn ($meter, $text) => "product $name, $meter: \"$text\" is no size", array_keys($unread), $unread);
        $said = array_merge($said, $wrong === '' ? [] : ["product $name, percentage to warn at: \"$wrong\" is no percentage"]);
        foreach ($options->of($id) as $option) {
            $said = array_merge($said, self::apply($option, $id, $limits));
        }
        // WHMCS sells several of a thing as one service.
        $quantity = max(1, (int) ($service->qty ?? 1));
        foreach ($limits as $meter => $bytes) {
            if ($bytes > intdiv(PHP_INT_MAX, $quantity)) {
                $said[] = "service $id, $meter: $quantity times its size is more than can be counted";
                unset($limits[$meter]);
            } else {
                $limits[$meter] = $bytes * $quantity;
            }
        }
        $isOver = in_array($service->domainstatus ?? '', ['Terminated', 'Cancelled', 'Fraud'], true);
        return new self($limits, $isOver ? [] : $said, $warnAt);
    }

    /** @param array<string, int> $limits changed by the option @return string[] why it could not be */
    private static function apply(ChosenOption $option, int $service, array &$limits): array
    {
        $meter = $option->meter;
        $base = $limits[$meter] ?? null;
        if ($option->bytes === null || ($option->isWhole && $option->bytes === 0)) {
            // What the plan says alone would be too little.
            unset($limits[$meter]);
            return ["service $service, option \"$option->name\": \"$option->text\" is no size"];
        }
        if ($option->isWhole) {
            $limits[$meter] = $option->bytes;
        } elseif ($base === null && $option->bytes > 0) {
            return ["service $service, option \"$option->name\" adds to the $meter of its product, which says none"];
        } elseif ($base !== null && $base > 0) {
            $limits[$meter] = $base + $option->bytes;
        }
        return [];
    }
}
